// Public names of callbacks.
//
// Invariants
//   - A name leads to at most one callback; a callback may have several names.
//   - A binding holds a handle of its own, held by the owner "names": it counts as a reference and keeps
//     the callback alive, until the callback is unregistered, by whomever. Then the name is free at once,
//     and the handle goes when the name is next asked for or the callback is released, whichever is first.
//   - Lock order: Names::mutex_, then the registry's. No user code runs under it (R8).
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/registry/registry.h"

namespace belay::engine {

inline constexpr std::size_t kMaxNameBytes = 255;

class Names {
 public:
  // `owner` holds the handles.
  explicit Names(registry::Handle owner) : owner_(owner) {}

  // See Broker.
  base::Status Bind(std::string_view name, registry::Handle callback);
  base::Status Unbind(std::string_view name);
  void UnbindCallback(registry::Handle callback);
  base::Result<registry::Handle> Resolve(std::string_view name);
  std::string NameOf(registry::Handle callback);

  // The callback's release function has run: drops its bindings. While its bindings exist, every
  // callback stays an object of its own, so that its address says which one it is.
  void CallbackReleased(const registry::Object& callback);
  // Unbinds everything; Bind() fails from then on.
  void Close();

 private:
  struct Binding {
    registry::Handle handle;
    const registry::Object* callback;
  };
  using ByName = std::map<std::string, Binding, std::less<>>;

  // REQUIRES for both: mutex_ held.
  void Drop(ByName::iterator binding);
  void DropAllOf(const registry::Object* callback);

  const registry::Handle owner_;
  std::mutex mutex_;
  bool closed_ = false;
  ByName by_name_;
  std::unordered_map<const registry::Object*, std::set<std::string>> by_callback_;
};

}  // namespace belay::engine
