// belay_invoke and what belongs to a call.
//
// The short way: one pin, one indirect call with the caller's own struct, one unpin. Everything that is
// not "a live inline callback answered OK and its reply fitted" leaves it for a function below.
#include <utility>

#include "broker/base/deadline.h"
#include "broker/registry/pin.h"
#include "broker/registry/registry.h"
#include "capi/src/call.h"
#include "capi/src/guard.h"

namespace belay::capi {
namespace {

using base::Code;
using base::Status;
using registry::CallPin;
using registry::Registry;

// What belay_call::kept points to.
struct Kept {
  enum class What { kReply, kError };
  What what;
  std::string bytes;
};

void Drop(belay_call* call) noexcept {
  delete static_cast<Kept*>(std::exchange(call->kept, nullptr));
}

void Keep(belay_call* call, Kept::What what, std::string bytes) {
  auto* kept = new Kept{what, std::move(bytes)};
  Drop(call);
  call->kept = kept;
}

// A condition that nearly always holds: keeps the short way a straight line, which [[likely]] does not do for
// one half of an expression.
inline bool Expect(bool condition) {
  return __builtin_expect(static_cast<long>(condition), 1) != 0;
}

// The first two fields, struct_size and flags, of a call made with this header.
constexpr std::uint64_t kUsualStart = sizeof(belay_call);

bool HasUsualStart(const belay_call* call) noexcept {
  std::uint64_t start = 0;
  std::memcpy(&start, call, sizeof start);
  return start == kUsualStart;
}

bool IsCall(const belay_call* call) noexcept {
  return call != nullptr && call->struct_size >= sizeof(belay_call);
}

// A callback's own answer: OK with a reply that did not fit, or a failure.
Status Judge(belay_call* call, belay_status returned) {
  auto* kept = static_cast<Kept*>(call->kept);
  if (returned == BELAY_OK) {
    if (kept != nullptr && kept->what == Kept::What::kReply) {
      return Status(Code::kBufferTooSmall,
                    "the reply has " + std::to_string(call->reply_size) + " bytes, the buffer " +
                        std::to_string(call->reply_capacity) + ": take it with belay_call_take");
    }
    Drop(call);
    if (call->reply_size <= call->reply_capacity) return {};
    return Status(
        Code::kCallbackFailed,
        "the callback set a reply_size beyond reply_capacity; belay_call_reply keeps large replies",
        "BAD_REPLY");
  }
  const bool said_why = kept != nullptr && kept->what == Kept::What::kError;
  std::string text = said_why ? std::move(kept->bytes)
                              : "the callback returned " + std::to_string(returned) + " (" +
                                    std::string(base::CodeName(static_cast<Code>(returned))) + ")";
  Drop(call);
  return Status(Code::kCallbackFailed, std::move(text));
}

Status Thrown(belay_call* call, const char* what) {
  Drop(call);
  return Status(Code::kCallbackFailed, what, "EXCEPTION");
}

// The callback itself, its exceptions turned into a status (R9).
template <typename Run>
Status RunGuarded(belay_call* call, Run run) {
  try {
    return Judge(call, run());
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& error) {
    return Thrown(call, error.what());
  } catch (...) {
    return Thrown(call, "the callback threw something that is no std::exception");
  }
}

// Ends of a call that did not simply succeed. Out of line, and the pin taken over, so that the short way has no
// frame.
belay_status Conclude(registry::Callback& callback, const Status& status) {
  const KeepErrno keep_errno;
  if (status.ok()) return BELAY_OK;
  if (status.code() == Code::kCallbackFailed) Registry::CountFailure(callback);
  return Fail(status);
}

// Where there is no memory for the text of an answer, the answer itself is told, and a reply kept (I3). An error
// that was kept beside BELAY_OK is gone by then: dropping it needs no memory.
belay_status ConcludeWithoutText(registry::Callback& callback, belay_call* call,
                                 belay_status returned) noexcept {
  Code code = Code::kBufferTooSmall;
  if (returned != BELAY_OK || call->kept == nullptr) {
    Drop(call);
    Registry::CountFailure(callback);
    code = Code::kCallbackFailed;
  }
  return Fail(code, "out of memory", "OUT_OF_MEMORY");
}

[[gnu::noinline]] belay_status ConcludeReturned(belay_call* call, belay_status returned) {
  const CallPin pin = CallPin::TakeOver();
  try {
    return Conclude(pin.callback(), Judge(call, returned));
  } catch (const std::bad_alloc&) {
    return ConcludeWithoutText(pin.callback(), call, returned);
  }
}

[[gnu::noinline]] belay_status ConcludeThrown(belay_call* call, const char* what) {
  const CallPin pin = CallPin::TakeOver();
  try {
    return Conclude(pin.callback(), Thrown(call, what));
  } catch (const std::bad_alloc&) {
    return ConcludeWithoutText(pin.callback(), call, BELAY_CALLBACK_FAILED);
  }
}

// `size` if there is no pointer to so many bytes; else 0. Arithmetic, where a condition would jump.
inline std::uint64_t SizeWithoutPointer(const void* bytes, std::uint64_t size) noexcept {
  return -static_cast<std::uint64_t>(bytes == nullptr) & size;
}

inline std::uint64_t BytesWithoutPointer(const belay_call* call) noexcept {
  return SizeWithoutPointer(call->request, call->request_size) |
         SizeWithoutPointer(call->reply, call->reply_capacity);
}

// True of a call that needs no closer look: well-formed, with no deadline.
inline bool IsPlain(const belay_call* call) noexcept {
  return Expect(call != nullptr) && Expect(HasUsualStart(call)) &&
         Expect((reinterpret_cast<std::uintptr_t>(call->kept) |
                 static_cast<std::uint64_t>(call->deadline_ns) | BytesWithoutPointer(call)) == 0);
}

// True of a call that succeeded and whose reply is where the caller wants it.
inline bool IsAnswered(const belay_call* call, belay_status returned) noexcept {
  return Expect(returned == BELAY_OK) && Expect(call->kept == nullptr) &&
         Expect(call->reply_size <= call->reply_capacity);
}

// A gated inline callback: here, with the caller's own struct.
belay_status InvokeGated(belay_handle callback, belay_call* call) {
  belay_status ended = BELAY_OK;
  const Status let_in =
      Registry::RunGated(callback, call->deadline_ns, [&](registry::Callback& gated) {
        ended = Conclude(gated, RunGuarded(call, [&] {
                           return gated.origin->target.function(gated.context, call);
                         }));
      });
  return let_in.ok() ? ended : Fail(let_in);
}

// Everything but a live inline callback: refusals, gates, and callbacks that run elsewhere.
[[gnu::noinline]] belay_status InvokeElsewhere(belay_handle callback, belay_call* call) {
  return Guarded([&] {
    if (Status refusal = Registry::Refusal(callback); !refusal.ok()) return Fail(refusal);
    if (Registry::IsGatedInline(callback)) return InvokeGated(callback, call);
    registry::Request request = RequestOf(*call);
    request.payload.assign(static_cast<const char*>(call->request),
                           static_cast<std::size_t>(call->request_size));
    const registry::Outcome outcome = Registry::Invoke(callback, std::move(request));
    if (!outcome.status.ok()) return Fail(outcome.status);
    if (const belay_status kept =
            belay_call_reply(call, outcome.reply.data(), outcome.reply.size());
        kept != BELAY_OK)
      return kept;
    try {
      return Done(Judge(call, BELAY_OK));
    } catch (const std::bad_alloc&) {  // for the text alone: the reply is kept (I3)
      return Fail(Code::kBufferTooSmall, "out of memory", "OUT_OF_MEMORY");
    }
  });
}

}  // namespace

Status CheckCall(const belay_call* call) {
  const auto invalid = [](const char* text) { return Status(Code::kInvalidArgument, text); };
  if (!IsCall(call))
    return invalid("call is null, or its struct_size too small: start from BELAY_CALL_INIT");
  if (call->flags != 0) return invalid("call->flags must be 0: start from BELAY_CALL_INIT");
  if (call->kept != nullptr) {
    return invalid(
        "call->kept is not null: take or drop the last reply, or start from BELAY_CALL_INIT");
  }
  if (BytesWithoutPointer(call) != 0)
    return invalid("call->request or call->reply is null with a size: give both or neither");
  if (call->request_size > static_cast<std::uint64_t>(PTRDIFF_MAX))
    return invalid("call->request_size is too large");
  if (base::IsPast(call->deadline_ns))
    return Status(Code::kDeadlineExceeded, "the deadline had passed before the call");
  return {};
}

registry::Request RequestOf(const belay_call& call) {
  registry::Request request;
  request.deadline_ns = call.deadline_ns;
  if ((call.trace_high | call.trace_low) != 0) {
    request.trace_id.resize(16);
    std::memcpy(request.trace_id.data(), &call.trace_high, 8);
    std::memcpy(request.trace_id.data() + 8, &call.trace_low, 8);
  }
  request.caller_handle = call.caller;
  request.parent_id = registry::InnermostCall().id;
  return request;
}

BoxedCall BoxOf(const registry::Request& request) noexcept {
  BoxedCall boxed{BELAY_CALL_INIT, request.call};
  belay_call& call = boxed.view;
  call.flags = kBoxedFlag;
  call.request = request.payload.data();
  call.request_size = request.payload.size();
  call.deadline_ns = request.deadline_ns;
  call.caller = request.caller_handle;
  if (request.trace_id.size() == 16) {
    std::memcpy(&call.trace_high, request.trace_id.data(), 8);
    std::memcpy(&call.trace_low, request.trace_id.data() + 8, 8);
  }
  return boxed;
}

namespace {

// What a callback that was judged to be answering has answered.
Status TakeJudged(belay_call* call, Status judged, std::string* reply) {
  if (judged.code() == Code::kBufferTooSmall) {
    *reply = std::move(static_cast<Kept*>(call->kept)->bytes);
    Drop(call);
    return {};
  }
  if (judged.ok() && call->reply_size != 0)
    reply->assign(static_cast<const char*>(call->reply),
                  static_cast<std::size_t>(call->reply_size));
  return judged;
}

}  // namespace

Status TakeAnswer(BoxedCall& boxed, belay_status returned, std::string* reply) {
  return TakeJudged(&boxed.view, Judge(&boxed.view, returned), reply);
}

Status CallWithBytes(belay_callback_fn function, void* context, const registry::Request& request,
                     std::string* reply) {
  char buffer[512];
  BoxedCall boxed = BoxOf(request);
  boxed.view.reply = buffer;
  boxed.view.reply_capacity = sizeof buffer;
  Status judged = RunGuarded(&boxed.view, [&] { return function(context, &boxed.view); });
  return TakeJudged(&boxed.view, std::move(judged), reply);
}

}  // namespace belay::capi

using belay::base::Code;
using belay::registry::CallPin;
using namespace belay::capi;

namespace {

// The call itself. Its pin has no owner while the callback runs: each way out ends it.
[[gnu::always_inline]] inline belay_status Run(CallPin::Pinned pinned, belay_call* call) {
  belay_status returned = BELAY_OK;
  try {
    returned = pinned.slot->function(pinned.slot->context, call);
  } catch (abi::__forced_unwind&) {
    CallPin::Leave(*pinned.record, *pinned.cell);
    throw;
  } catch (const std::exception& error) {
    return ConcludeThrown(call, error.what());
  } catch (...) {
    return ConcludeThrown(call, "the callback threw something that is no std::exception");
  }
  if (!IsAnswered(call, returned)) [[unlikely]]
    return ConcludeReturned(call, returned);
  CallPin::Leave(*pinned.record, *pinned.cell);
  return BELAY_OK;
}

[[gnu::noinline]] belay_status Refuse(const belay_call* call) {
  return Guarded([&] { return Done(CheckCall(call)); });
}

// All that the short way leaves out. Functions of their own, so that it saves no register for them.
[[gnu::noinline]] belay_status InvokeWithCare(belay_handle callback, belay_call* call) {
  if (const belay_status refused = Refuse(call); refused != BELAY_OK) return refused;
  call->reply_size = 0;
  {
    CallPin pin(callback);
    if (pin) return Run(pin.HandOver(), call);
  }
  return InvokeElsewhere(callback, call);
}

[[gnu::noinline]] belay_status InvokeRefused(belay_handle callback, belay_call* call) {
  CallPin::Withdraw();
  return InvokeWithCare(callback, call);
}

// A call that is plain, but not through the handle that this thread called last.
[[gnu::noinline]] belay_status InvokeAnother(belay_handle callback, belay_call* call) {
  CallPin::Pinned pinned;
  const CallPin::Entry entry = CallPin::EnterAny(callback, &pinned);
  if (entry == CallPin::Entry::kEntered) [[likely]]
    return Run(pinned, call);
  return entry == CallPin::Entry::kOther ? InvokeWithCare(callback, call)
                                         : InvokeRefused(callback, call);
}

}  // namespace

extern "C" {

// Where its code lies costs as much as what it does: the processor fetches lines of 64 bytes, and each that a call
// needs more is a cycle in twenty. Entered 12 bytes into a line, the part before the callback ends with a line and
// the part after it has the next for itself, four lines in all (measured: 19 cycles; entered at 0 or 16 bytes, 20;
// at 32 or 48, 21; and 20 still if half of its instructions are no-ops).
[[gnu::aligned(64), gnu::patchable_function_entry(12, 12)]] belay_status belay_invoke(
    belay_handle callback, belay_call* call) {
  if (!IsPlain(call)) [[unlikely]]
    return InvokeWithCare(callback, call);
  call->reply_size = 0;
  CallPin::Pinned pinned;
  const CallPin::Entry entry = CallPin::EnterAgain(callback, &pinned);
  if (entry == CallPin::Entry::kEntered) [[likely]]
    return Run(pinned, call);
  return entry == CallPin::Entry::kOther ? InvokeAnother(callback, call)
                                         : InvokeRefused(callback, call);
}

belay_status belay_call_reply(belay_call* call, const void* data, uint64_t size) {
  return Guarded([&] {
    std::string_view bytes;
    if (!IsCall(call)) return InvalidArgument("call is null, or its struct_size too small");
    if (!View(data, size, &bytes))
      return InvalidArgument("data is null with a size, or size is too large");
    if (size <= call->reply_capacity) {
      if (size != 0) std::memmove(call->reply, data, bytes.size());
      Drop(call);
    } else {
      Keep(call, Kept::What::kReply, std::string(bytes));
    }
    call->reply_size = size;
    return BELAY_OK;
  });
}

belay_status belay_call_fail(belay_call* call, const char* message) {
  (void)Guarded([&] {
    if (!IsCall(call)) return InvalidArgument("call is null, or its struct_size too small");
    Keep(call, Kept::What::kError, message == nullptr ? "" : message);
    call->reply_size = 0;
    return BELAY_OK;
  });
  return BELAY_CALLBACK_FAILED;
}

belay_status belay_call_take(belay_call* call, void* buffer, uint64_t capacity) {
  return Guarded([&] {
    if (!IsCall(call)) return InvalidArgument("call is null, or its struct_size too small");
    const auto* kept = static_cast<const Kept*>(call->kept);
    if (kept == nullptr) return Fail(Code::kNotFound, "no reply is kept for this call");
    if (buffer == nullptr && capacity != 0)
      return InvalidArgument("buffer is null with a capacity");
    if (buffer != nullptr) {
      if (kept->bytes.size() > capacity) {
        return Fail(Code::kBufferTooSmall,
                    "the kept reply has " + std::to_string(kept->bytes.size()) + " bytes");
      }
      std::memcpy(buffer, kept->bytes.data(), kept->bytes.size());
    }
    Drop(call);
    return BELAY_OK;
  });
}
}
