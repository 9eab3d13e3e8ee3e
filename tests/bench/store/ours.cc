#include "tests/bench/store/ours.h"

#include <array>
#include <belay/rows.hpp>
#include <vector>

namespace belay::bench {
namespace {

class OurSession final : public Session {
 public:
  OurSession(belay_handle store, Durability durability) : store_(store) {
    write_.struct_size = sizeof write_;
    if (durability == Durability::kAsync) write_.flags = BELAY_WRITE_ASYNC;
    Check(belay_batch_open(store, &batch_), "belay_batch_open");
  }
  OurSession(const OurSession&) = delete;
  OurSession& operator=(const OurSession&) = delete;
  ~OurSession() override { Check(belay_release(batch_), "belay_release"); }

  char Get(std::string_view key) override {
    std::uint64_t size = 0;
    Check(belay_store_get(store_, key.data(), key.size(), value_.data(), value_.size(), &size,
                          nullptr),
          "belay_store_get");
    return value_[0];
  }

  void Put(std::string_view key, std::string_view value) override {
    Check(belay_store_put(store_, key.data(), key.size(), value.data(), value.size(), &write_,
                          nullptr),
          "belay_store_put");
  }

  void PutAll(std::span<const Entry> entries) override {
    for (const Entry& entry : entries) {
      Check(belay_batch_put(batch_, entry.key.data(), entry.key.size(), entry.value.data(),
                            entry.value.size(), nullptr),
            "belay_batch_put");
    }
    Check(belay_batch_commit(batch_, &write_, nullptr), "belay_batch_commit");
  }

  Scanned Scan() override { return ScanByAbi(store_, 0); }

 private:
  const belay_handle store_;
  belay_write_options write_{};
  belay_handle batch_ = 0;  // empty between calls
  std::array<char, 4096> value_;
};

// Calls `add` with each block of the scan.
template <typename Add>
void ForEachBlock(belay_handle store, belay_handle filter, Add add) {
  std::vector<char> block(64 << 10);
  belay_scan_options options{};
  options.struct_size = sizeof options;
  options.filter = filter;
  belay_handle cursor = 0;
  Check(belay_store_scan(store, &options, &cursor), "belay_store_scan");
  for (;;) {
    std::uint64_t size = 0;
    const belay_status status = belay_cursor_next(cursor, block.data(), block.size(), &size);
    if (status == BELAY_END) break;
    Check(status, "belay_cursor_next");
    add(std::string_view(block.data(), size));
  }
  Check(belay_release(cursor), "belay_release");
}

std::string_view Bytes(const void* bytes, std::uint64_t size) {
  return {static_cast<const char*>(bytes), size};
}

}  // namespace

Ours::Ours(const std::string& folder, Durability durability) : durability_(durability) {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.store_path = folder.c_str();
  broker_ = std::make_unique<Broker>(&options);
  Check(belay_store_open(broker_->handle(), &store_), "belay_store_open");
}

Ours::~Ours() { Check(belay_release(store_), "belay_release"); }

void Ours::Compact() {
  Check(belay_store_compact(store_, nullptr, 0, nullptr, 0), "belay_store_compact");
}

std::unique_ptr<Session> Ours::NewSession() {
  return std::make_unique<OurSession>(store_, durability_);
}

Scanned ScanByAbi(belay_handle store, belay_handle filter) {
  Scanned scanned;
  ForEachBlock(store, filter, [&scanned](std::string_view block) {
    std::uint64_t position = 0;
    belay_row row{};
    row.struct_size = sizeof row;
    for (;;) {
      const belay_status status = belay_rows_next(block.data(), block.size(), &position, &row);
      if (status == BELAY_END) return;
      Check(status, "belay_rows_next");
      scanned.Add(Bytes(row.key, row.key_size), Bytes(row.value, row.value_size));
    }
  });
  return scanned;
}

Scanned ScanByRowReader(belay_handle store) {
  Scanned scanned;
  ForEachBlock(store, 0, [&scanned](std::string_view block) {
    RowReader rows(block);
    Row row;
    while (rows.Next(row)) scanned.Add(row.key, row.value);
    Check(rows.ok() ? BELAY_OK : BELAY_DATA_LOSS, "RowReader");
  });
  return scanned;
}

}  // namespace belay::bench
