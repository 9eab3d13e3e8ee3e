// A broker: one registry, one store, and what joins them: names and hooks.
//
// It knows nothing of transports. A callback that runs elsewhere reaches it as a registry Target with a
// `start` function; whether a hook's callback is in this process or behind a socket makes no difference here.
//
// Names and hooks hold ordinary handles to their callbacks, held by owners of the broker's own ("names",
// "hooks"), so that they count as references and are seen in every listing (S3, R15).
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/status.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Names;
class Watches;

struct BrokerOptions {
  std::string name = "broker";
  std::string store_path;  // empty: no store
  registry::LogFunction log;
  // Threads that run in-process callbacks for hooks. A watch occupies one while its callback runs.
  unsigned callback_threads = 4;
};

struct WatchOptions {
  std::string prefix;                     // empty: all keys
  storage::Revision from_revision = 0;    // first revision to deliver; 0: changes after the attach
  registry::Handle callback = 0;
  registry::Handle holder = 0;            // owner whose close detaches the watch; 0: the broker
};

struct CursorOptions {
  storage::ScanOptions scan;
  registry::Handle filter = 0;  // a callback that picks rows; 0: none
  std::int64_t filter_timeout_ns = 30'000'000'000;
  std::string caller;  // shown to the filter's host
};

class Broker : public std::enable_shared_from_this<Broker> {
 public:
  // Opens registry and store. May block (disk).
  static base::Result<std::shared_ptr<Broker>> Open(BrokerOptions options);
  // The broker behind a handle of kind broker.
  static base::Result<std::shared_ptr<Broker>> Find(registry::Handle handle);
  ~Broker();

  // Ends hooks, then closes the registry; see Registry::Close. The store closes when the last user of
  // this broker has let go, which is at the end of this call if it returns OK and nobody else is inside.
  base::Status Close(std::int64_t timeout_ns);

  registry::Handle handle() const { return registry_->handle(); }
  registry::Registry& registry() { return *registry_; }
  // FAILED_PRECONDITION, reason NO_STORE, if it was opened without one. Lives as long as the broker.
  base::Result<storage::Store*> store();

  // Gives a callback a public name. ALREADY_EXISTS if a live callback has it; a name whose callback is
  // no longer live is free. Names: 1 to 255 bytes, no control characters.
  base::Status Bind(std::string_view name, registry::Handle callback);
  base::Status Unbind(std::string_view name);
  // The handle that the name holds: borrowed, retain it to keep it. NOT_FOUND names the name.
  base::Result<registry::Handle> Resolve(std::string_view name);
  // The name bound to the same callback; empty if none.
  std::string NameOf(registry::Handle callback);

  // Handles for the C ABI.
  base::Result<registry::Handle> OpenStore();
  base::Result<registry::Handle> AttachWatch(const WatchOptions& options);
  // Detaching is releasing the subscription: Registry::Release.

  // Runs `handle`'s callback without occupying the calling thread: one that would run inline runs on the
  // callback pool. `done` runs exactly once, on any thread.
  void InvokeAsync(registry::Handle handle, registry::Request request, registry::AsyncCall::Done done);

 private:
  explicit Broker(BrokerOptions options);

  struct Parts;  // pool, owners of the broker's own
  const BrokerOptions options_;
  registry::Ref<registry::Registry> registry_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<Parts> parts_;
  std::unique_ptr<Names> names_;
  std::unique_ptr<Watches> watches_;
};

}  // namespace belay::engine
