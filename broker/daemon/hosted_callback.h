// HostedCallback: the registry's view of a callback that a client's process runs.
//
// It is the context of such a callback. Its `start` hands calls to the session; its release function,
// run by the registry after the last call, brings the news to the session and ends it.
//
// Thread safety: start and release come on any thread; both go to the loop's.
#pragma once

#include <cstdint>
#include <memory>

#include "broker/daemon/session.h"
#include "broker/registry/callback.h"

namespace belay::daemon {

class HostedCallback {
 public:
  // Target and context of a registration. `*announced` is where to note that the client was told the
  // handle; valid until the context is released.
  static registry::CallbackSpec MakeSpec(std::shared_ptr<Session> session,
                                         std::uint64_t wire_handle, HostedCallback** hosted);
  // The client knows its handle now, and so will be told when it is released. Loop's thread.
  void Announce() { was_announced_ = true; }

 private:
  HostedCallback(std::shared_ptr<Session> session, std::uint64_t wire_handle)
      : session_(std::move(session)), wire_handle_(wire_handle) {}
  static void Start(void* context, std::unique_ptr<registry::AsyncCall> call);
  static void Release(void* context);

  const std::shared_ptr<Session> session_;
  const std::uint64_t wire_handle_;
  bool was_announced_ = false;  // loop's thread
};

}  // namespace belay::daemon
