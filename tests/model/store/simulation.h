// Histories that a store could have, made by one: operations take effect one after another, and
// then their invocations and returns are moved apart until several overlap.
//
// Thread safety: none.
#pragma once

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/random.h"
#include "tests/model/store/history.h"

namespace belay::store_model {

class Simulation {
 public:
  Simulation(model::Random& random, std::size_t key_count)
      : random_(random), key_count_(key_count) {}

  // `overlap`: about how many other operations one overlaps.
  History Run(std::size_t operation_count, std::size_t overlap) {
    std::vector<std::pair<Ticket, std::size_t>> events;  // the earlier event of an operation first
    History history;
    for (std::size_t i = 0; i < operation_count; ++i) {
      history.operations.push_back(Next(static_cast<int>(i)));
      // Distances are random; ranks make tickets of them, all distinct.
      const Ticket effect = (i + overlap) * kDistance;
      const Ticket reach = overlap * kDistance;
      events.emplace_back(effect - random_.Below(reach) - 1, i);
      events.emplace_back(effect + random_.Below(reach) + 1, i);
    }
    std::sort(events.begin(), events.end());
    Ticket ticket = 0;
    for (const auto& [when, i] : events) {
      Operation& operation = history.operations[i];
      (operation.invoked == 0 ? operation.invoked : operation.returned) = ++ticket;
    }
    return history;
  }

 private:
  static constexpr Ticket kDistance = 8;

  struct Record {
    std::string value;
    Revision revision = 0;
  };

  Operation Next(int thread) {
    Operation operation;
    operation.thread = thread;
    operation.key = "k" + std::to_string(random_.Below(key_count_));
    const auto found = records_.find(operation.key);
    const bool present = found != records_.end();
    operation.kind = static_cast<Kind>(random_.Below(5));
    bool takes_effect = true;
    switch (operation.kind) {
      case Kind::kGet:
        if (present) operation.result = {Outcome::kOk, found->second.value, found->second.revision};
        if (!present) operation.result = {Outcome::kNotFound, {}, 0};
        return operation;
      case Kind::kDelete:
        operation.result = {present ? Outcome::kOk : Outcome::kNotFound, {}, revision_};
        if (!present) return operation;
        records_.erase(found);
        operation.result.revision = ++revision_;
        return operation;
      case Kind::kPut: break;
      case Kind::kPutIfAbsent: takes_effect = !present; break;
      case Kind::kPutIfRevision:
        operation.if_revision = present ? found->second.revision - random_.Below(2) : 1;
        takes_effect = present && found->second.revision == operation.if_revision;
        break;
    }
    operation.argument = "v" + std::to_string(thread);
    operation.result.outcome = takes_effect ? Outcome::kOk : Outcome::kAborted;
    if (!takes_effect) return operation;
    operation.result.revision = ++revision_;
    records_[operation.key] = {operation.argument, revision_};
    return operation;
  }

  model::Random& random_;
  const std::size_t key_count_;
  std::map<std::string, Record> records_;
  Revision revision_ = 0;
};

}  // namespace belay::store_model
