// A function registered with SQLite, called once for each row of a SELECT, against the bare shim: the time
// of the query with the function minus that of the same query without it.
//
// The rows come from a recursive query, so that no table is read; the sum around them keeps result rows
// from being made.
#include <sqlite3.h>

#include <string>

#include "tests/bench/broker.h"
#include "tests/bench/groups.h"
#include "tests/bench/shim.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 2000;
constexpr int kRows = 1000;

void Require(int result, int wanted, const char* what) {
  if (result == wanted) return;
  std::fprintf(stderr, "bench: %s: %s\n", what, sqlite3_errstr(result));
  std::exit(2);
}

void SameNumber(sqlite3_context* context, int, sqlite3_value** arguments) {
  sqlite3_result_int64(context, sqlite3_value_int64(arguments[0]));
}

// The nanoseconds of one row of the query.
Round RowsOf(sqlite3_stmt* query) {
  return [query] {
    return NsPerCall(1,
                     [query] {
                       Require(sqlite3_step(query), SQLITE_ROW, "sqlite3_step");
                       Require(sqlite3_reset(query), SQLITE_OK, "sqlite3_reset");
                     }) /
           kRows;
  };
}

// The query that gives one result over all rows.
sqlite3_stmt* Select(sqlite3* database, const std::string& result) {
  const std::string sql = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT " +
                          std::to_string(kRows) + ") SELECT " + result + " FROM c";
  sqlite3_stmt* query = nullptr;
  Require(sqlite3_prepare_v2(database, sql.c_str(), -1, &query, nullptr), SQLITE_OK,
          "sqlite3_prepare_v2");
  return query;
}

}  // namespace

void SqliteRows(Report& report) {
  sqlite3* database = nullptr;
  Require(sqlite3_open(":memory:", &database), SQLITE_OK, "sqlite3_open");
  Require(
      sqlite3_create_function(database, "f", 1, SQLITE_UTF8, nullptr, SameNumber, nullptr, nullptr),
      SQLITE_OK, "sqlite3_create_function");
  sqlite3_stmt* without = Select(database, "sum(x)");
  sqlite3_stmt* with = Select(database, "sum(f(x))");
  belay_call call = SmallRequest();
  const auto ns =
      Alternate(kRounds, {RoundOf(kRows, [bare = Opaque(&AnswerNothing),
                                          &call] { shim_invoke(bare, nullptr, &call); }),
                          RowsOf(without), RowsOf(with)});
  report.Add(Beside("peer: SQLite user function, by row", ns[2] - ns[1], "ns/call", ns[0]));
  sqlite3_finalize(without);
  sqlite3_finalize(with);
  sqlite3_close(database);
}

}  // namespace belay::bench
