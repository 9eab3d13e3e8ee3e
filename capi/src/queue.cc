// Queues and strands: executors of the program's own.
#include <array>
#include <new>
#include <string_view>

#include "broker/registry/executor_objects.h"
#include "broker/registry/registry.h"
#include "capi/src/call.h"
#include "capi/src/guard.h"
#include "capi/src/outcome.h"

using belay::base::Code;
using belay::base::Result;
using belay::base::Status;
using belay::registry::AsyncCall;
using belay::registry::Certainty;
using belay::registry::ExecutorOptions;
using belay::registry::Handle;
using belay::registry::HostEvent;
using belay::registry::Kind;
using belay::registry::Outcome;
using belay::registry::Polled;
using belay::registry::QueueObject;
using belay::registry::Ref;
using belay::registry::Registry;
using belay::registry::Work;
using namespace belay::capi;

namespace {

static_assert(sizeof(BoxedCall) <= AsyncCall::kRoomBytes);
constexpr std::size_t kMostAtOnce = 64;

template <typename Open>
belay_status OpenExecutor(belay_handle owner, const belay_executor_options* options,
                          belay_handle* opened, Open open) {
  return Guarded([&] {
    belay_executor_options given{};
    if (!Load(options, offsetof(belay_executor_options, max_calls), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if (opened == nullptr) return InvalidArgument("where to write the handle is null");
    if (given.reserved != 0) return InvalidArgument("options->reserved must be 0");
    ExecutorOptions wish;
    if (given.name != nullptr) wish.name = given.name;
    if (wish.name.empty() || wish.name.size() > 255)
      return InvalidArgument("options->name must have 1 to 255 bytes");
    if (given.max_calls != 0) wish.max_calls = given.max_calls;
    if (given.max_bytes != 0) wish.max_bytes = given.max_bytes;
    auto handle = open(owner, std::move(wish));
    if (!handle.ok()) return Fail(handle.status());
    *opened = *handle;
    return BELAY_OK;
  });
}

// Runs work(QueueObject&).
template <typename Fn>
belay_status WithQueue(belay_handle queue, Fn work) {
  return Guarded([&] {
    auto found = Registry::Find(queue, Kind::kQueue);
    if (!found.ok()) return Fail(found.status());
    return work(static_cast<QueueObject&>(**found));
  });
}

belay_work Convert(const HostEvent& event) {
  belay_work out{};
  out.id = event.id;
  switch (event.kind) {
    case Work::Kind::kCall: {
      AsyncCall& call = *event.call;
      auto* const boxed = new (call.room) BoxedCall(BoxOf(call.request));
      out.kind = BELAY_WORK_CALL;
      out.callback = call.callback().origin->target.function;
      out.context = call.callback().context;
      out.call = &boxed->view;
      break;
    }
    case Work::Kind::kRelease:
      out.kind = BELAY_WORK_RELEASE;
      out.release = event.release.function;
      out.context = event.release.context;
      break;
    case Work::Kind::kCompletion: {
      const auto& completion = static_cast<const QueuedCompletion&>(*event.completion);
      out.kind = BELAY_WORK_COMPLETION;
      out.tag = completion.tag();
      out.outcome = completion.view();
      break;
    }
  }
  return out;
}

Outcome OutcomeOf(AsyncCall& call, const belay_result& result, std::string_view reply) {
  Outcome outcome{{}, Certainty::kStarted, {}};
  if (call.is_ticket()) return outcome;
  auto& boxed = *std::launder(reinterpret_cast<BoxedCall*>(call.room));
  outcome.status = TakeAnswer(boxed, result.status, &outcome.reply);
  if (result.reply != nullptr) outcome.reply = reply;
  return outcome;
}

Status Finish(Handle queue, const belay_result& result) {
  std::string_view reply;
  const bool has_reply = View(result.reply, result.reply_size, &reply);
  Status finished = belay::registry::FinishEvent(
      queue, result.id, [&](AsyncCall& call) { return OutcomeOf(call, result, reply); });
  if (!finished.ok() || has_reply) return finished;
  return Status(Code::kInvalidArgument, "a result's reply is null with a size, or too large");
}

belay_status Tell(const Polled& polled, std::uint64_t* count) {
  if (polled.why == Polled::Why::kClosed) return Fail(Code::kClosed, "the queue is closed");
  *count = polled.count;
  return BELAY_OK;
}

}  // namespace

extern "C" {

belay_status belay_queue_open(belay_handle owner, const belay_executor_options* options,
                              belay_handle* queue) {
  return OpenExecutor(owner, options, queue, belay::registry::OpenQueue);
}

belay_status belay_strand_open(belay_handle owner, const belay_executor_options* options,
                               belay_handle* strand) {
  return OpenExecutor(owner, options, strand, belay::registry::OpenStrand);
}

belay_status belay_queue_poll(belay_handle queue, belay_work* events, uint64_t capacity,
                              uint64_t timeout_ms, uint64_t* count) {
  return WithQueue(queue, [&](QueueObject& object) {
    if (events == nullptr || capacity == 0) return InvalidArgument("events is null or capacity 0");
    if (count == nullptr) return InvalidArgument("count is null");
    const std::uint32_t stride = events->struct_size;
    if (stride < sizeof(belay_work)) return InvalidArgument("events[0].struct_size is too small");
    std::array<HostEvent, kMostAtOnce> polled;
    const std::size_t most = std::min<std::uint64_t>(capacity, kMostAtOnce);
    const Polled taken = object.Poll(queue, std::span(polled).first(most), Nanoseconds(timeout_ms));
    auto* target = reinterpret_cast<char*>(events);
    for (std::size_t i = 0; i < taken.count; ++i, target += stride)
      Store(Convert(polled[i]), target, stride);
    return Tell(taken, count);
  });
}

belay_status belay_queue_finish(belay_handle queue, const belay_result* results, uint64_t count) {
  return Guarded([&] {
    if (results == nullptr && count != 0) return InvalidArgument("results is null with a count");
    const std::uint32_t stride = count == 0 ? 0 : results->struct_size;
    if (count != 0 && stride < sizeof(belay_result))
      return InvalidArgument("results[0].struct_size is too small");
    Status first;
    const auto* source = reinterpret_cast<const char*>(results);
    for (std::uint64_t i = 0; i < count; ++i, source += stride) {
      Status finished = Finish(queue, *reinterpret_cast<const belay_result*>(source));
      if (first.ok() && !finished.ok()) first = std::move(finished);
    }
    return Done(first);
  });
}

belay_status belay_queue_run(belay_handle queue, uint64_t max_events, uint64_t timeout_ms,
                             uint64_t* count) {
  return WithQueue(queue, [&](QueueObject& object) {
    if (max_events == 0) return InvalidArgument("max_events is 0");
    if (count == nullptr) return InvalidArgument("count is null");
    return Tell(object.RunSome(max_events, Nanoseconds(timeout_ms)), count);
  });
}

belay_status belay_queue_fd(belay_handle queue, int32_t* fd) {
  return WithQueue(queue, [&](QueueObject& object) {
    if (fd == nullptr) return InvalidArgument("fd is null");
    auto found = object.queue().EventFd();
    if (!found.ok()) return Fail(found.status());
    *fd = *found;
    return BELAY_OK;
  });
}

belay_status belay_queue_interrupt(belay_handle queue) {
  return WithQueue(queue, [&](QueueObject& object) {
    object.queue().Interrupt();
    return BELAY_OK;
  });
}
}
