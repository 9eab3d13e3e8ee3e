// Owners: open, close, detach; whose handle is whose.
#include "broker/registry/owner.h"

#include "broker/registry/registry.h"
#include "capi/src/guard.h"
#include "capi/src/misuse.h"

using belay::registry::OwnerOptions;
using belay::registry::Registry;
using namespace belay::capi;

extern "C" {

belay_status belay_owner_open(belay_handle broker, const char* name, belay_handle* owner) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    if (owner == nullptr) return InvalidArgument("owner is null");
    auto found = Registry::Find(broker, belay::registry::Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    auto opened = (*found)->registry().OpenOwner(name);
    if (!opened.ok()) return Fail(opened.status());
    *owner = *opened;
    return BELAY_OK;
  });
}

belay_status belay_owner_close(belay_handle owner) {
  return Guarded([&] { return Done(Registry::CloseOwner(owner)); });
}

belay_status belay_owner_open_with(belay_handle parent, const belay_owner_options* options,
                                   belay_handle* owner) {
  return Guarded([&] {
    belay_owner_options given{};
    if (!Load(options, offsetof(belay_owner_options, max_handles), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if (given.name == nullptr) return InvalidArgument("options->name is null");
    if (given.reserved != 0) return InvalidArgument("options->reserved must be 0");
    if (owner == nullptr) return InvalidArgument("owner is null");
    OwnerOptions wish;
    if (!LoadMisuse(given.misuse, &wish.misuse))
      return InvalidArgument("options->misuse is none of BELAY_MISUSE_...");
    wish.budget = {given.max_handles, given.max_callbacks, given.max_calls_in_flight,
                   given.max_queued_bytes};
    auto opened = Registry::OpenOwner(parent, given.name, wish);
    if (!opened.ok()) return Fail(opened.status());
    *owner = *opened;
    return BELAY_OK;
  });
}

belay_status belay_owner_detach(belay_handle owner, int32_t mode) {
  return Guarded([&] {
    switch (mode) {
      case BELAY_DETACH_RELEASE:
        return Done(Registry::DetachOwner(owner, Registry::Contexts::kRelease));
      case BELAY_DETACH_DROP: return Done(Registry::DetachOwner(owner, Registry::Contexts::kDrop));
      default: return InvalidArgument("mode is none of BELAY_DETACH_...");
    }
  });
}

belay_status belay_handle_transfer(belay_handle handle, belay_handle holder) {
  return Guarded([&] { return Done(Registry::Transfer(handle, holder)); });
}
}
