#include "tests/model/store/revision_order.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "tests/model/store/tell.h"

namespace belay::store_model {
namespace {

// Somebody was told a revision.
struct Sighting {
  Revision revision = 0;
  // The greatest that may have been told before.
  Revision bound = 0;
  Ticket invoked = 0;
  Ticket returned = 0;
  std::variant<const Operation*, const Snapshot*> source;

  std::string Line() const {
    return std::visit([](const auto* seen) { return "  " + Tell(*seen) + "\n"; }, source);
  }
  std::string Key() const {
    const auto* operation = std::get_if<const Operation*>(&source);
    return operation != nullptr ? (*operation)->key : std::string();
  }
};

std::vector<Sighting> SightingsIn(const History& history) {
  std::vector<Sighting> sightings;
  for (const Operation& operation : history.operations) {
    const Revision revision = operation.result.revision;
    Sighting sighting{revision, revision, operation.invoked, operation.returned, &operation};
    if (TookEffect(operation)) {
      --sighting.bound;
    } else if (operation.kind == Kind::kGet && operation.result.outcome == Outcome::kOk) {
      // It tells of the past; whether of the right past is for the search of its key.
      sighting.bound = std::numeric_limits<Revision>::max();
    } else if (operation.kind != Kind::kDelete || operation.result.outcome != Outcome::kNotFound) {
      continue;
    }
    sightings.push_back(sighting);
  }
  for (const Snapshot& snapshot : history.snapshots) {
    sightings.push_back(
        {snapshot.revision, snapshot.revision, snapshot.invoked, snapshot.returned, &snapshot});
  }
  return sightings;
}

std::optional<Violation> FindRevisionGivenTwice(const History& history) {
  std::map<Revision, const Operation*> writes;
  for (const Operation& operation : history.operations) {
    if (!TookEffect(operation)) continue;
    const auto [it, is_first] = writes.emplace(operation.result.revision, &operation);
    if (is_first) continue;
    return Violation{operation.key, "two writes were given the same revision:\n  " +
                                        Tell(*it->second) + "\n  " + Tell(operation) + "\n"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Violation> FindRevisionViolation(const History& history) {
  if (auto twice = FindRevisionGivenTwice(history)) return twice;
  std::vector<Sighting> by_invocation = SightingsIn(history);
  std::sort(by_invocation.begin(), by_invocation.end(),
            [](const Sighting& a, const Sighting& b) { return a.invoked < b.invoked; });
  std::vector<const Sighting*> by_return;
  for (const Sighting& sighting : by_invocation) by_return.push_back(&sighting);
  std::sort(by_return.begin(), by_return.end(),
            [](const Sighting* a, const Sighting* b) { return a->returned < b->returned; });

  const Sighting* greatest = nullptr;  // of what had returned
  auto next_return = by_return.begin();
  for (const Sighting& sighting : by_invocation) {
    for (; (*next_return)->returned < sighting.invoked; ++next_return) {
      if (greatest == nullptr || (*next_return)->revision > greatest->revision) {
        greatest = *next_return;
      }
    }
    if (greatest == nullptr || greatest->revision <= sighting.bound) continue;
    return Violation{sighting.Key(),
                     "the second began when the first had returned, and is told a revision that "
                     "had gone by:\n" +
                         greatest->Line() + sighting.Line()};
  }
  return std::nullopt;
}

}  // namespace belay::store_model
