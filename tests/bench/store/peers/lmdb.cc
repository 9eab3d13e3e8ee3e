#include "tests/bench/store/peers/lmdb.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace belay::bench {
namespace {

constexpr std::size_t kMostBytes = std::size_t{8} << 30;  // of addresses, not of memory

void Check(int result, const char* what) {
  if (result == MDB_SUCCESS) return;
  std::fprintf(stderr, "bench: LMDB: %s: %s\n", what, mdb_strerror(result));
  std::exit(2);
}

// LMDB takes what it only reads by a pointer to what may be written.
MDB_val ToValue(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string_view ToView(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

class LmdbSession final : public Session {
 public:
  LmdbSession(MDB_env* environment, MDB_dbi table) : environment_(environment), table_(table) {
    Check(mdb_txn_begin(environment, nullptr, MDB_RDONLY, &reading_), "mdb_txn_begin");
    mdb_txn_reset(reading_);
  }
  LmdbSession(const LmdbSession&) = delete;
  LmdbSession& operator=(const LmdbSession&) = delete;
  ~LmdbSession() override { mdb_txn_abort(reading_); }

  char Get(std::string_view key) override {
    Check(mdb_txn_renew(reading_), "mdb_txn_renew");
    MDB_val wanted = ToValue(key);
    MDB_val found;
    Check(mdb_get(reading_, table_, &wanted, &found), "mdb_get");
    const char first = ToView(found).front();
    mdb_txn_reset(reading_);
    return first;
  }

  void Put(std::string_view key, std::string_view value) override {
    const Entry entry{key, value};
    PutAll({&entry, 1});
  }

  void PutAll(std::span<const Entry> entries) override {
    MDB_txn* writing = nullptr;
    Check(mdb_txn_begin(environment_, nullptr, 0, &writing), "mdb_txn_begin");
    for (const Entry& entry : entries) {
      MDB_val key = ToValue(entry.key);
      MDB_val value = ToValue(entry.value);
      Check(mdb_put(writing, table_, &key, &value, 0), "mdb_put");
    }
    Check(mdb_txn_commit(writing), "mdb_txn_commit");
  }

  Scanned Scan() override {
    Check(mdb_txn_renew(reading_), "mdb_txn_renew");
    MDB_cursor* rows = nullptr;
    Check(mdb_cursor_open(reading_, table_, &rows), "mdb_cursor_open");
    Scanned scanned;
    MDB_val key;
    MDB_val value;
    int result = mdb_cursor_get(rows, &key, &value, MDB_FIRST);
    for (; result == MDB_SUCCESS; result = mdb_cursor_get(rows, &key, &value, MDB_NEXT)) {
      scanned.Add(ToView(key), ToView(value));
    }
    Check(result == MDB_NOTFOUND ? MDB_SUCCESS : result, "mdb_cursor_get");
    mdb_cursor_close(rows);
    mdb_txn_reset(reading_);
    return scanned;
  }

 private:
  MDB_env* const environment_;
  const MDB_dbi table_;
  MDB_txn* reading_ = nullptr;
};

}  // namespace

Lmdb::Lmdb(const std::string& folder, Durability durability) {
  std::filesystem::create_directories(folder);
  // Readers belong to sessions, not to threads.
  const unsigned flags = MDB_NOTLS | (durability == Durability::kAsync ? MDB_NOSYNC : 0U);
  Check(mdb_env_create(&environment_), "mdb_env_create");
  Check(mdb_env_set_mapsize(environment_, kMostBytes), "mdb_env_set_mapsize");
  Check(mdb_env_open(environment_, folder.c_str(), flags, 0600), "mdb_env_open");
  MDB_txn* opening = nullptr;
  Check(mdb_txn_begin(environment_, nullptr, 0, &opening), "mdb_txn_begin");
  Check(mdb_dbi_open(opening, nullptr, 0, &table_), "mdb_dbi_open");
  Check(mdb_txn_commit(opening), "mdb_txn_commit");
}

Lmdb::~Lmdb() { mdb_env_close(environment_); }

std::unique_ptr<Session> Lmdb::NewSession() {
  return std::make_unique<LmdbSession>(environment_, table_);
}

}  // namespace belay::bench
