// Calls that their caller does not wait for.
#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "broker/registry/registry.h"
#include "capi/src/call.h"
#include "capi/src/guard.h"
#include "capi/src/outcome.h"

using belay::base::Code;
using belay::base::Status;
using belay::registry::AsyncCall;
using belay::registry::Cancel;
using belay::registry::Kind;
using belay::registry::Outcome;
using belay::registry::Registry;
using namespace belay::capi;

namespace {

// What is to be done at the end of a call: nothing, a function, or an event for a queue.
class Ending {
 public:
  // `wish` may be null.
  Status Prepare(const belay_completion* wish) {
    belay_completion given{};
    if (wish == nullptr) return {};
    if (!Load(wish, offsetof(belay_completion, queue), &given))
      return Status(Code::kInvalidArgument, "completion->struct_size is too small");
    if (given.reserved != 0)
      return Status(Code::kInvalidArgument, "completion->reserved must be 0");
    if (given.queue == 0) {
      if (given.run == nullptr)
        return Status(Code::kInvalidArgument, "completion has neither a function nor a queue");
      done_ = [run = given.run, context = given.context](const Outcome& outcome) {
        RunCompletion(run, context, ViewOf(outcome));
      };
      return {};
    }
    auto queue = belay::registry::FindQueue(given.queue);
    if (!queue.ok()) return queue.status();
    queued_ = std::make_unique<QueuedCompletion>(given, std::move(*queue));
    done_ = [queued = queued_.get()](Outcome outcome) { queued->Deliver(std::move(outcome)); };
    return {};
  }
  AsyncCall::Done TakeDone() { return std::move(done_); }
  // The call has been taken: from now on its end sees to the event.
  void Entrust() noexcept { (void)queued_.release(); }

 private:
  AsyncCall::Done done_;
  std::unique_ptr<QueuedCompletion> queued_;
};

// REQUIRES: CheckCall(call) is OK.
Status Submit(belay_handle callback, const belay_call& call, const belay_completion* completion,
              std::uint64_t* call_id) {
  Ending ending;
  if (Status prepared = ending.Prepare(completion); !prepared.ok()) return prepared;
  auto submitted = std::make_unique<AsyncCall>(RequestOf(call), ending.TakeDone());
  submitted->request.payload.assign(static_cast<const char*>(call.request),
                                    static_cast<std::size_t>(call.request_size));
  const std::uint64_t id = submitted->id();
  // Before it can end: whoever cancels it from the completion must know it.
  if (call_id != nullptr) *call_id = id;
  Status taken = Registry::SubmitCall(callback, submitted);
  if (!taken.ok()) {
    submitted->Discard();
    return taken;
  }
  ending.Entrust();
  return {};
}

// One of a broadcast's completions, whose size is the first one's; null if there are none.
const belay_completion* EntryAt(const char* source, std::uint32_t stride, belay_completion* room) {
  if (source == nullptr) return nullptr;
  *room = belay_completion{};
  std::memcpy(room, source, std::min<std::size_t>(stride, sizeof *room));
  room->struct_size = stride;
  return room;
}

}  // namespace

extern "C" {

belay_status belay_submit(belay_handle callback, const belay_call* call,
                          const belay_completion* completion, uint64_t* call_id) {
  return Guarded([&] {
    if (Status refused = CheckCall(call); !refused.ok()) return Fail(refused);
    return Done(Submit(callback, *call, completion, call_id));
  });
}

belay_status belay_post(belay_handle callback, const belay_call* call) {
  return belay_submit(callback, call, nullptr, nullptr);
}

belay_status belay_broadcast(const belay_handle* callbacks, uint64_t count, const belay_call* call,
                             const belay_completion* completions, belay_status* statuses) {
  return Guarded([&] {
    if (callbacks == nullptr && count != 0)
      return InvalidArgument("callbacks is null with a count");
    if (Status refused = CheckCall(call); !refused.ok()) return Fail(refused);
    const std::uint32_t stride = completions == nullptr ? 0 : completions->struct_size;
    if (completions != nullptr && stride < offsetof(belay_completion, queue))
      return InvalidArgument("completions[0].struct_size is too small");
    const auto* source = reinterpret_cast<const char*>(completions);
    for (std::uint64_t i = 0; i < count; ++i, source += stride) {
      belay_completion room;
      const belay_status status =
          Done(Submit(callbacks[i], *call, EntryAt(source, stride, &room), nullptr));
      if (statuses != nullptr) statuses[i] = status;
    }
    return BELAY_OK;
  });
}

belay_status belay_call_cancel(uint64_t call_id, int32_t mode) {
  return Guarded([&] {
    if (mode != BELAY_CANCEL_FORGET && mode != BELAY_CANCEL_ASK)
      return InvalidArgument("mode must be BELAY_CANCEL_FORGET or BELAY_CANCEL_ASK");
    return Done(AsyncCall::CancelById(call_id, static_cast<Cancel>(mode)));
  });
}
}
