// Waiting for one answer, in the methods that wait.
//
// Thread safety: any thread but the session's own, where it refuses.
#pragma once

#include <future>
#include <memory>
#include <utility>

#include "belay/client/status.h"
#include "clients/cpp/src/session.h"

namespace belay::client {

inline Status WouldDeadlock() {
  return Status(
      Code::kWouldDeadlock,
      "a wait on the client's own thread would wait for itself: use the Async form, or give the "
      "client an executor");
}

// Waits for the one answer that `start` hands to its argument.
template <typename T, typename Start>
T Await(const Session& session, Start start) {
  if (session.OnOwnThread()) return WouldDeadlock();
  // Shared: the answering thread may still be inside set_value() when the waiter goes on.
  const auto promise = std::make_shared<std::promise<T>>();
  start([promise](T answer) { promise->set_value(std::move(answer)); });
  return promise->get_future().get();
}

inline Session::ReplyDone GiveStatus(Client::DoneStatus done) {
  return [done = std::move(done)](const Status& status, v1::Reply*) { done(status); };
}

}  // namespace belay::client
