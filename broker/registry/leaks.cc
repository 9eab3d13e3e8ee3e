// What is still open when a scope closes: told once for all handles of one origin, held by one owner (R15).
#include <algorithm>
#include <map>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {
namespace {

constexpr std::size_t kMostLines = 20;

struct Leak {
  std::uint32_t first = 0;  // slot of the oldest
  std::uint64_t handles = 0;
};

const Callback* CallbackBehind(const Object& object) {
  switch (object.kind) {
    case Kind::kCallback: return static_cast<const Callback*>(&object);
    case Kind::kPin: return static_cast<const Pin&>(object).callback.get();
    default: return nullptr;
  }
}

std::string Count(std::uint64_t handles, Kind kind) {
  const std::string one = kind == Kind::kPin ? "pin" : "handle";
  return std::to_string(handles) + " " + one + (handles == 1 ? "" : "s");
}

}  // namespace

std::vector<std::string> Registry::LeakReport(const Owner& closing) {
  struct Key {
    const Owner* holder;
    const Owner* owner;
    const Origin* origin;
    Kind kind;
    auto operator<=>(const Key&) const = default;
  };
  HandleTable& table = HandleTable::Get();
  std::map<Key, Leak> leaks;
  std::vector<const Owner*> holders{&closing};
  while (!holders.empty()) {
    const Owner& holder = *holders.back();
    holders.pop_back();
    for (std::uint32_t held = holder.first_held; held != 0; held = table.cold(held).holder_next) {
      const Object& object = table.object_of(held);
      if (object.kind == Kind::kOwner) holders.push_back(static_cast<const Owner*>(&object));
      const Callback* const callback = CallbackBehind(object);
      if (callback == nullptr) continue;
      Leak& leak = leaks[{&holder, &callback->owner(), callback->origin.get(), object.kind}];
      ++leak.handles;
      if (leak.first == 0 || table.slot(held).created_ticks < table.slot(leak.first).created_ticks)
        leak.first = held;
    }
  }
  std::vector<std::string> lines;
  for (const auto& [key, leak] : leaks) {
    Note(EventType::kLeaked, table.handle_of(leak.first), table.object_of(leak.first),
         HolderOf(leak.first));
    if (lines.size() == kMostLines) continue;
    const std::int64_t age_ns = AgeNs(leak.first);
    lines.push_back("still open at close of \"" + closing.name +
                    "\": " + Count(leak.handles, key.kind) + " of callback \"" + key.origin->label +
                    "\", owner \"" + key.owner->name + "\", held by \"" + key.holder->name +
                    "\", for up to " + std::to_string(age_ns / 1'000'000'000) + " s" +
                    (key.origin->site.empty() ? "" : ", registered at " + key.origin->site));
  }
  if (leaks.size() > kMostLines)
    lines.push_back("... and of " + std::to_string(leaks.size() - kMostLines) +
                    " origins and holders more");
  return lines;
}

}  // namespace belay::registry
