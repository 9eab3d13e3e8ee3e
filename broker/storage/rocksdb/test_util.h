// What the engine's tests share: temporary folders, seeds that can be replayed, short forms.
//
// Thread safety: values.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "broker/storage/rocksdb/rocks_store.h"

namespace belay::storage {

// A folder that goes when the test goes.
class TempFolder {
 public:
  TempFolder() {
    const char* base = std::getenv("TEST_TMPDIR");
    std::string pattern = std::string(base != nullptr ? base : "/tmp") + "/store_XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// From BELAY_TEST_SEED, or a new one; printed, so that a failure can be replayed.
inline std::uint64_t TestSeed() {
  const char* fixed = std::getenv("BELAY_TEST_SEED");
  const std::uint64_t seed =
      fixed != nullptr ? std::strtoull(fixed, nullptr, 0) : std::random_device{}();
  std::cout << "BELAY_TEST_SEED=" << seed << std::endl;
  return seed;
}

inline std::unique_ptr<Store> MustOpen(const RocksOptions& options) {
  auto store = OpenRocksStore(options);
  if (!store.ok()) {
    ADD_FAILURE() << store.status().ToString();
    std::abort();
  }
  return std::move(store).value();
}

inline std::unique_ptr<Store> MustOpen(const std::string& path) {
  RocksOptions options;
  options.path = path;
  return MustOpen(options);
}

inline Operation PutOp(std::string key, std::string value,
                       Precondition precondition = Precondition::kNone, Revision revision = 0) {
  return Operation{OperationKind::kPut, std::move(key), std::move(value), precondition, revision};
}

inline Operation DeleteOp(std::string key, Precondition precondition = Precondition::kNone,
                          Revision revision = 0) {
  return Operation{OperationKind::kDelete, std::move(key), {}, precondition, revision};
}

inline Operation CheckOp(std::string key, Precondition precondition, Revision revision = 0) {
  return Operation{OperationKind::kCheck, std::move(key), {}, precondition, revision};
}

// One row of a block, owning its bytes.
struct OwnedRow {
  Revision revision = 0;
  RowKind kind = RowKind::kPut;
  std::string key;
  std::string value;
  bool operator==(const OwnedRow&) const = default;
};

// How GoogleTest shows it.
inline void PrintTo(const OwnedRow& row, std::ostream* out) {
  *out << row.revision << (row.kind == RowKind::kPut ? " put " : " delete ") << QuoteKey(row.key)
       << " " << QuoteKey(row.value);
}

inline std::vector<OwnedRow> RowsOf(std::string_view block) {
  std::vector<OwnedRow> rows;
  auto reader = RowBlockReader::Open(block);
  EXPECT_TRUE(reader.ok());
  Row row;
  base::Status status;
  while ((status = reader->Next(&row)).ok()) {
    rows.push_back({row.revision, row.kind, std::string(row.key), std::string(row.value)});
  }
  EXPECT_EQ(status.code(), base::Code::kEnd) << status.ToString();
  return rows;
}

// All that a scan returns, taken `page_rows` at a time.
inline std::vector<OwnedRow> ScanAll(Scan& scan, std::uint32_t page_rows = 3) {
  std::vector<OwnedRow> all;
  for (;;) {
    RowBlockBuilder builder;
    const base::Status status = scan.Next(&builder, page_rows, 1 << 20);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), base::Code::kEnd) << status.ToString();
      return all;
    }
    for (OwnedRow& row : RowsOf(builder.Take())) all.push_back(std::move(row));
  }
}

// All history from `from`, checking on the way that it makes progress.
inline std::vector<OwnedRow> HistoryFrom(Store& store, Revision from,
                                         std::uint32_t page_rows = 64) {
  std::vector<OwnedRow> all;
  while (from <= store.CurrentRevision()) {
    auto page =
        store.ReadHistory({from, "", "", page_rows, 1 << 20, kDefaultKeyspace, OldRows::kShow});
    if (!page.ok()) {
      ADD_FAILURE() << page.status().ToString();
      return all;
    }
    EXPECT_GT(page->next_revision, from);
    for (OwnedRow& row : RowsOf(page->rows)) all.push_back(std::move(row));
    from = page->next_revision;
  }
  return all;
}

}  // namespace belay::storage
