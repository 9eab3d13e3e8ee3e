#include "tests/model/store/linearizability.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "broker/storage/store.h"
#include "tests/model/store/event_list.h"
#include "tests/model/store/key_state.h"
#include "tests/model/store/revision_order.h"
#include "tests/model/store/snapshots.h"
#include "tests/model/store/tell.h"

namespace belay::store_model {
namespace {

using OperationRefs = std::vector<const Operation*>;

// The end of the story: the last operations of the order that got furthest.
constexpr std::size_t kToldOfOrder = 4;

// Which operations have been put in order, and what they left.
struct Configuration {
  std::vector<std::uint64_t> ordered;  // bits
  KeyState state;

  bool operator==(const Configuration&) const = default;
};

struct HashOfConfiguration {
  std::size_t operator()(const Configuration& configuration) const noexcept {
    std::size_t hash = HashOf(configuration.state);
    for (const std::uint64_t word : configuration.ordered) {
      hash = (hash ^ word) * 0x9e37'79b9'7f4a'7c15;
      hash ^= hash >> 32U;
    }
    return hash;
  }
};

// Where the search had to turn back.
struct DeadEnd {
  Ticket return_in_the_way = 0;
  KeyState state;
  OperationRefs order;       // so far
  OperationRefs candidates;  // to be next
};

class KeySearch {
 public:
  explicit KeySearch(const OperationRefs& operations)
      : operations_(operations),
        events_(operations),
        here_{std::vector<std::uint64_t>((operations.size() + 63) / 64), KeyState()} {}

  // The dead end that got furthest if all are dead ends.
  std::optional<DeadEnd> Run() {
    EventList::Event* event = events_.first();
    while (events_.has_returns()) {
      if (event->is_invocation) {
        event = TryNext(*event) ? events_.first() : event->next;
        continue;
      }
      Remember(*event);
      if (order_.empty()) return std::move(furthest_);
      event = TakeBack()->next;
    }
    return std::nullopt;
  }

 private:
  struct Taken {
    EventList::Event* invocation;
    KeyState state_before;
  };

  bool TryNext(EventList::Event& invocation) {
    Step step = Apply(here_.state, *operations_[invocation.operation]);
    if (!step.next) return false;
    std::swap(here_.state, *step.next);
    Flip(invocation.operation);
    if (!tried_.insert(here_).second) {
      Flip(invocation.operation);
      std::swap(here_.state, *step.next);
      return false;
    }
    order_.push_back({&invocation, std::move(*step.next)});
    events_.Lift(invocation);
    return true;
  }

  EventList::Event* TakeBack() {
    Taken last = std::move(order_.back());
    order_.pop_back();
    events_.PutBack(*last.invocation);
    Flip(last.invocation->operation);
    here_.state = std::move(last.state_before);
    return last.invocation;
  }

  void Flip(std::size_t operation) {
    here_.ordered[operation / 64] ^= std::uint64_t{1} << (operation % 64);
  }

  // Of two that stand before the same return, the longer order tells more.
  void Remember(const EventList::Event& return_in_the_way) {
    const Ticket ticket = operations_[return_in_the_way.operation]->returned;
    if (furthest_ && std::pair(ticket, order_.size()) <=
                         std::pair(furthest_->return_in_the_way, furthest_->order.size())) {
      return;
    }
    furthest_ = DeadEnd{ticket, here_.state, {}, {}};
    for (const Taken& taken : order_) {
      furthest_->order.push_back(operations_[taken.invocation->operation]);
    }
    for (const EventList::Event* event = events_.first(); event != &return_in_the_way;
         event = event->next) {
      furthest_->candidates.push_back(operations_[event->operation]);
    }
  }

  const OperationRefs& operations_;
  EventList events_;
  Configuration here_;
  std::vector<Taken> order_;
  std::unordered_set<Configuration, HashOfConfiguration> tried_;
  std::optional<DeadEnd> furthest_;
};

std::string Story(const std::string& key, const DeadEnd& dead_end) {
  std::string story = "no order of the operations on key " + storage::QuoteKey(key) +
                      " explains what they answered. The one that gets furthest ends with\n";
  const std::size_t count = std::min(kToldOfOrder, dead_end.order.size());
  for (auto it = dead_end.order.end() - static_cast<std::ptrdiff_t>(count);
       it != dead_end.order.end(); ++it) {
    story += "  " + Tell(**it) + "\n";
  }
  if (count == 0) story += "  (nothing)\n";
  story += "which leaves " + Tell(dead_end.state) + ". Of these one must be next, and none can:\n";
  for (const Operation* candidate : dead_end.candidates) {
    const char* refusal = Apply(dead_end.state, *candidate).refusal;
    story +=
        "  " + Tell(*candidate) + ": " + (refusal != nullptr ? refusal : "leads no further") + "\n";
  }
  return story;
}

std::optional<Violation> FindKeyViolation(const History& history) {
  std::map<std::string, OperationRefs> by_key;
  for (const Operation& operation : history.operations) {
    if (operation.kind == Kind::kGet && operation.result.outcome == Outcome::kUnknown) continue;
    by_key[operation.key].push_back(&operation);
  }
  for (const auto& [key, operations] : by_key) {
    if (const auto dead_end = KeySearch(operations).Run()) {
      return Violation{key, Story(key, *dead_end)};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<Violation> FindViolation(const History& history) {
  if (auto violation = FindRevisionViolation(history)) return violation;
  if (auto violation = FindKeyViolation(history)) return violation;
  return FindSnapshotViolation(history);
}

}  // namespace belay::store_model
