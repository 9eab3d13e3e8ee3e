#include "tests/bench/store/peers/sqlite.h"

#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace belay::bench {
namespace {

constexpr int kMostWaitMs = 60'000;

void Check(int result, int wanted, const char* what) {
  if (result == wanted) return;
  std::fprintf(stderr, "bench: SQLite: %s: %s\n", what, sqlite3_errstr(result));
  std::exit(2);
}

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

struct Close {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

class SqliteSession final : public Session {
 public:
  SqliteSession(const std::string& path, Durability durability, std::mutex& writing)
      : writing_(writing),
        connection_(Connect(path, durability)),
        get_(Prepare("SELECT value FROM entries WHERE key = ?")),
        put_(Prepare("INSERT OR REPLACE INTO entries VALUES (?, ?)")),
        scan_(Prepare("SELECT key, value FROM entries ORDER BY key")),
        begin_(Prepare("BEGIN IMMEDIATE")),
        commit_(Prepare("COMMIT")) {}

  char Get(std::string_view key) override {
    Bind(get_, 1, key);
    Check(sqlite3_step(get_.get()), SQLITE_ROW, "SELECT");
    const char first = Column(get_, 0).front();
    sqlite3_reset(get_.get());
    return first;
  }

  void Put(std::string_view key, std::string_view value) override {
    const std::lock_guard lock(writing_);
    Insert({key, value});
  }

  void PutAll(std::span<const Entry> entries) override {
    const std::lock_guard lock(writing_);
    Run(begin_, "BEGIN");
    for (const Entry& entry : entries) Insert(entry);
    Run(commit_, "COMMIT");
  }

  Scanned Scan() override {
    Scanned scanned;
    int result = sqlite3_step(scan_.get());
    for (; result == SQLITE_ROW; result = sqlite3_step(scan_.get())) {
      scanned.Add(Column(scan_, 0), Column(scan_, 1));
    }
    Check(result, SQLITE_DONE, "SELECT");
    sqlite3_reset(scan_.get());
    return scanned;
  }

 private:
  static Connection Connect(const std::string& path, Durability durability) {
    sqlite3* opened = nullptr;
    // Without a mutex: a session belongs to one thread at a time.
    Check(
        sqlite3_open_v2(path.c_str(), &opened,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr),
        SQLITE_OK, "sqlite3_open_v2");
    Connection connection(opened);
    Check(sqlite3_busy_timeout(opened, kMostWaitMs), SQLITE_OK, "sqlite3_busy_timeout");
    const std::string settings =
        std::string(
            "PRAGMA journal_mode = WAL; PRAGMA cache_size = -65536; PRAGMA synchronous = ") +
        (durability == Durability::kSync ? "FULL" : "NORMAL") +
        "; CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID";
    Check(sqlite3_exec(opened, settings.c_str(), nullptr, nullptr, nullptr), SQLITE_OK, "PRAGMA");
    return connection;
  }

  Statement Prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    Check(sqlite3_prepare_v3(connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                             nullptr),
          SQLITE_OK, sql);
    return Statement(statement);
  }

  void Insert(const Entry& entry) const {
    Bind(put_, 1, entry.key);
    Bind(put_, 2, entry.value);
    Run(put_, "INSERT");
  }

  static void Bind(const Statement& statement, int place, std::string_view bytes) {
    Check(sqlite3_bind_blob64(statement.get(), place, bytes.data(), bytes.size(), SQLITE_STATIC),
          SQLITE_OK, "sqlite3_bind_blob64");
  }

  static std::string_view Column(const Statement& statement, int column) {
    const void* bytes = sqlite3_column_blob(statement.get(), column);
    const int size = sqlite3_column_bytes(statement.get(), column);
    return {static_cast<const char*>(bytes), static_cast<std::size_t>(size)};
  }

  static void Run(const Statement& statement, const char* what) {
    Check(sqlite3_step(statement.get()), SQLITE_DONE, what);
    sqlite3_reset(statement.get());
  }

  std::mutex& writing_;  // the engine's
  const Connection connection_;
  const Statement get_;
  const Statement put_;
  const Statement scan_;
  const Statement begin_;
  const Statement commit_;
};

}  // namespace

Sqlite::Sqlite(const std::string& folder, Durability durability)
    : path_(folder + "/entries.sqlite"), durability_(durability) {
  std::filesystem::create_directories(folder);
}

std::unique_ptr<Session> Sqlite::NewSession() {
  return std::make_unique<SqliteSession>(path_, durability_, writing_);
}

}  // namespace belay::bench
