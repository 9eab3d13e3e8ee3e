#include "tests/model/store/snapshots.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "broker/storage/store.h"
#include "tests/model/store/tell.h"

namespace belay::store_model {
namespace {

using storage::QuoteKey;
using Row = Snapshot::Row;

// What the writes of a history say that a snapshot must show.
class Expectation {
 public:
  explicit Expectation(const History& history) {
    for (const Operation& operation : history.operations) {
      if (TookEffect(operation)) changes_[operation.result.revision] = &operation;
      if (MayHaveTakenEffect(operation)) doubtful_keys_.insert(operation.key);
    }
  }

  std::vector<Row> RowsOf(const Snapshot& snapshot) const {
    std::map<std::string, Row> state;
    for (const auto& [revision, change] : changes_) {
      if (revision > snapshot.revision) break;
      if (change->kind == Kind::kDelete) {
        state.erase(change->key);
      } else {
        state[change->key] = Row{change->key, change->argument, revision};
      }
    }
    std::vector<Row> rows;
    for (const auto& [key, row] : state) {
      if (key >= snapshot.start && (snapshot.end.empty() || key < snapshot.end))
        rows.push_back(row);
    }
    return WithoutDoubtful(std::move(rows));
  }

  std::vector<Row> WithoutDoubtful(std::vector<Row> rows) const {
    std::erase_if(rows, [&](const Row& row) { return doubtful_keys_.contains(row.key); });
    return rows;
  }

 private:
  std::map<Revision, const Operation*> changes_;
  std::set<std::string> doubtful_keys_;
};

std::string TellRow(const Row* row) {
  if (row == nullptr) return "no more rows";
  return QuoteKey(row->key) + " = " + QuoteKey(row->value) + " of revision " +
         std::to_string(row->mod_revision);
}

}  // namespace

std::optional<Violation> FindSnapshotViolation(const History& history) {
  const Expectation expectation(history);
  for (const Snapshot& snapshot : history.snapshots) {
    const std::vector<Row> expected = expectation.RowsOf(snapshot);
    const std::vector<Row> shown = expectation.WithoutDoubtful(snapshot.rows);
    const auto [e, s] = std::mismatch(expected.begin(), expected.end(), shown.begin(), shown.end());
    const Row* missing = e == expected.end() ? nullptr : &*e;
    const Row* instead = s == shown.end() ? nullptr : &*s;
    if (missing == nullptr && instead == nullptr) continue;
    // Of two rows that differ in their keys the earlier one is left out, or too much.
    const bool about_missing =
        instead == nullptr || (missing != nullptr && missing->key <= instead->key);
    return Violation{about_missing ? missing->key : instead->key,
                     "a snapshot does not show what the writes up to its revision have left:\n  " +
                         Tell(snapshot) + "\n  due:   " + TellRow(missing) +
                         "\n  shown: " + TellRow(instead) + "\n"};
  }
  return std::nullopt;
}

}  // namespace belay::store_model
