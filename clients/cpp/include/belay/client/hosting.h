// Hosting: callbacks that live in this process and that others invoke through the broker.
//
// A closure given to Client::Register belongs to the client from then on. It is destroyed exactly once:
// after the broker's Released (or the end of the session, which counts as that), and after the last
// run of it in this process has answered; then RegisterOptions::on_released is called, once. The same
// holds when the registration fails. This happens on whichever thread comes last: the client's, or one
// of the executor's.
//
// Thread safety: a handler may run concurrently with itself when the executor has several threads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "belay/client/names.h"
#include "belay/client/status.h"
#include "belay/rows.hpp"

namespace belay::client {

// What a callback is called with.
struct Request {
  std::string payload;
  std::string caller;    // client name of the caller
  std::string trace_id;  // 16 bytes or none
  // Nobody waits for the answer after this; max() when the broker set no limit.
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  // Set when the caller no longer waits. A long run should look now and then.
  std::shared_ptr<const std::atomic<bool>> cancelled;
};

// Answers one call, from any thread, now or later. The first answer counts. One that is dropped
// unanswered fails the call with ABANDONED, so that every call ends.
class Responder {
 public:
  class Impl;
  explicit Responder(std::unique_ptr<Impl> impl) noexcept;
  Responder(Responder&&) noexcept;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();

  void Reply(std::string payload);
  // REQUIRES: !status.ok(). Callers get CALLBACK_FAILED with this reason and message, and the code and
  // what else `callee` has as Status::callee.
  void Fail(const Status& status);

 private:
  std::unique_ptr<Impl> impl_;
};

// Runs one call. What it throws fails the call with the exception's text.
using Handler = std::function<void(Request request, Responder responder)>;

// A handler of a function that has its answer when it returns.
Handler Sync(std::function<Result<std::string>(const Request&)> function);

// A handler for scans: keeps the rows for which `keep` is true. A filter that throws fails the scan.
Handler Filter(std::function<bool(const Row&)> keep);

// A handler for scans: gives each row the value that `make` makes of it, or drops it if that is none. (To end the
// scan early, answer with a RowWriter's block and a byte of value 1 behind it.)
Handler Project(std::function<std::optional<std::string>(const Row&)> make);

// A handler for a merge operator: makes a value of what a key has, null if it is not there, and the operand; none
// leaves it as it is. Register it with a name.
Handler Merge(std::function<std::optional<std::string>(const std::string_view* value,
                                                       std::string_view operand)>
                  merge);

// A handler for validators: called with each change that is to be committed, each after what its key has
// (RowKind::kOld) if that was asked for. A status other than OK refuses the write, with its text.
Handler Validate(std::function<Status(const Row&)> check);

// A handler for updates of `key`: called with its value, null if it is not there; gives the new one, or none
// to leave it as it is. (For more than that, answer with a RowWriter's block.)
Handler Change(std::string key,
               std::function<std::optional<std::string>(const std::string_view* value)> change);

// A handler for watches: called with each change in order of revision. When it throws, the broker
// repeats the block after a pause, so rows may come more than once.
Handler OnChange(std::function<void(const Row&)> changed);

struct RegisterOptions {
  std::string label = {};                   // what it is for, shown to operators; at most 255 bytes
  std::string name = {};                    // public name; empty: none
  NamePolicy policy = NamePolicy::kSingle;  // of the name
  OnConflict on_conflict = OnConflict::kFail;
  std::string site = {};  // where it was registered, "file.cc:12"; at most 255 bytes
  // Called once when the closure has been destroyed.
  std::function<void()> on_released = {};
};

}  // namespace belay::client
