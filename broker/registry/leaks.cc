// What is still open when a scope closes: told once for all handles of one origin, held by one owner (R15).
#include <algorithm>
#include <map>

#include "broker/registry/pin.h"
#include "broker/registry/registry.h"

namespace belay::registry {
namespace {

constexpr std::size_t kMostLines = 20;
// It is all under the registry's mutex, so it is bounded.
constexpr std::size_t kMostLooked = 4096;

// What leaks have in common that are told together.
struct Group {
  const Owner* holder;
  const Owner* owner;
  const Origin* origin;
  Kind kind;
  auto operator<=>(const Group&) const = default;
};

struct Leak {
  Group group;
  std::uint32_t oldest = 0;  // its slot
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
  HandleTable& table = HandleTable::Get();
  std::vector<Leak> leaks;
  std::map<Group, std::size_t> places;  // in `leaks`
  std::vector<const Owner*> holders{&closing};
  std::size_t looked = 0;
  while (!holders.empty() && looked < kMostLooked) {
    const Owner& holder = *holders.back();
    holders.pop_back();
    for (std::uint32_t held = holder.first_held; held != 0 && looked < kMostLooked;
         held = table.cold(held).holder_next) {
      ++looked;
      const Object& object = table.object_of(held);
      if (object.kind == Kind::kOwner) holders.push_back(static_cast<const Owner*>(&object));
      const Callback* const callback = CallbackBehind(object);
      if (callback == nullptr) continue;
      const Group group{&holder, &callback->owner(), callback->origin.get(), object.kind};
      const auto [place, is_new] = places.try_emplace(group, leaks.size());
      if (is_new) leaks.push_back({group, held, 0});
      Leak& leak = leaks[place->second];
      ++leak.handles;
      if (table.slot(held).created_ticks < table.slot(leak.oldest).created_ticks)
        leak.oldest = held;
    }
  }
  std::vector<std::string> lines;
  for (const Leak& leak : leaks) {
    const Group& group = leak.group;
    Note(EventType::kLeaked, table.handle_of(leak.oldest), table.object_of(leak.oldest),
         HolderOf(leak.oldest));
    if (lines.size() == kMostLines) continue;
    lines.push_back("still open at close of \"" + closing.name + "\": " +
                    Count(leak.handles, group.kind) + " of callback \"" + group.origin->label +
                    "\", owner \"" + group.owner->name + "\", held by \"" + group.holder->name +
                    "\", for up to " + std::to_string(AgeNs(leak.oldest) / 1'000'000'000) + " s" +
                    (group.origin->site.empty() ? "" : ", registered at " + group.origin->site));
  }
  if (leaks.size() > kMostLines)
    lines.push_back("... and of " + std::to_string(leaks.size() - kMostLines) +
                    " origins and holders more");
  if (looked == kMostLooked)
    lines.push_back("... and perhaps more: " + std::to_string(kMostLooked) +
                    " handles were looked at");
  return lines;
}

}  // namespace belay::registry
