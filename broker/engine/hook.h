// What hooks that stay attached have in common: a watch or a validator is a registry object of kind
// subscription that tells what it is.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstdint>

#include "broker/base/status.h"
#include "broker/registry/registry.h"
#include "broker/storage/keyspace.h"

namespace belay::engine {

enum class HookKind : std::uint8_t { kWatch, kValidator };

struct HookView {
  HookKind kind = HookKind::kWatch;
  storage::KeyspaceId keyspace = storage::kDefaultKeyspace;
  registry::Handle callback = 0;  // the hook's own handle to what it calls
};

class Hook : public registry::Object {
 public:
  Hook() : Object(registry::Kind::kSubscription) {}
  virtual HookView View() const = 0;
};

// Of a live subscription. Errors: those of Registry::Find.
inline base::Result<HookView> ViewHook(registry::Handle subscription) {
  const auto found = registry::Registry::Find(subscription, registry::Kind::kSubscription);
  if (!found.ok()) return found.status();
  return static_cast<const Hook&>(**found).View();  // nothing else is of this kind
}

}  // namespace belay::engine
