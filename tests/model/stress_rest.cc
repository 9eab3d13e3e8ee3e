// What must be left when nobody works any more.
#include <string>

#include "tests/model/stress_world.h"

namespace belay::model {

using registry::Registry;

void CheckRest(World& world) {
  for (Cell& cell : world.cells) {
    if (cell.entry == nullptr) continue;
    CallbackModel& callback = *cell.entry;
    for (std::size_t i = 0; i < callback.handle_count.load(); ++i) {
      HandleModel& handle = callback.handles[i];
      const auto info = Registry::Describe(handle.handle);
      if (!info.ok()) {
        if (!handle.MayBeStale()) Violation("R2", "a handle is gone that nobody released");
        continue;
      }
      if (handle.MustBeStale()) Violation("R2", "a handle is there that somebody released");
      if (info->in_flight != 0 || info->pins != 0)
        Violation("R15", "shown in flight or pinned when nothing runs");
      if (callback.kind == CallKind::kInline && info->calls != callback.calls.load()) {
        Violation("R15", "counted " + std::to_string(info->calls) + " calls of " +
                             std::to_string(callback.calls.load()));
      }
    }
    cell.entry = nullptr;
  }
  RegistryClose().Begin();
  if (const base::Status closed = world.registry->Close(kForEverNs); !closed.ok()) {
    Violation("R12", "the registry did not close: " + closed.ToString());
  }
  std::uint64_t after = 0;
  if (!world.registry->List(&after, 1).empty()) Violation("R12", "a closed registry has handles");
  if (world.registered.load() != world.released.load()) {
    Violation("R3", std::to_string(world.registered.load()) + " contexts were handed over, " +
                        std::to_string(world.released.load()) + " released");
  }
}

}  // namespace belay::model
