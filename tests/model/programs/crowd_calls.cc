// What the threads of a crowd do to callbacks: registering, calling, pinning, ending, naming.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/model/programs/crowd_worker.h"

namespace belay::programs {
namespace {

constexpr std::size_t kMostPins = 4;
// What a call may be told of which no thread is the reason alone.
constexpr std::array kCallRefusals = {BELAY_SUSPENDED,           BELAY_QUARANTINED,
                                      BELAY_FAILED_PRECONDITION, BELAY_RESOURCE_EXHAUSTED,
                                      BELAY_WOULD_DEADLOCK,      BELAY_UNAVAILABLE};

}  // namespace

void CrowdWorker::Register(const Op& op) {
  const Guild& guild = PickGuild(op.a);
  Shared& shared = contexts_.emplace_back();
  shared.crowd = &crowd_;
  shared.guild = &guild;
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.context = &shared;
  options.release = &Shared::Release;
  options.callback = &Shared::Call;
  options.label = "crowd";
  switch (op.b % 32) {
    case 0:
      options.flags = BELAY_CALLBACK_ONCE;
      shared.may_end.store(true);
      break;
    case 1: options.flags = BELAY_CALLBACK_SERIAL; break;
    case 2: options.max_concurrency = 1; break;
    case 3: options.executor = BELAY_EXECUTOR_POOL; break;
    case 4: options.executor = crowd_.strand; break;
    case 5:
    case 6: options.executor = crowd_.queue; break;
    case 7:
    case 8:
    case 9:
    case 10: shared.typed = true; break;
    default: break;
  }
  shared.elsewhere = options.executor != BELAY_EXECUTOR_INLINE;
  if (shared.typed) {
    options.callback = nullptr;
    options.typed = reinterpret_cast<belay_function>(&Shared::Typed);
    options.signature = "i64(i64)";
  }
  Held made{.shared = &shared, .rights = BELAY_RIGHTS_ALL, .kept = &guild == &crowd_.everybody};
  crowd_.registered.fetch_add(1);
  const belay_status got = belay_register(guild.handle, &options, &made.handle);
  if (got == BELAY_OK) {
    ++successes_;
    return Keep(made, op.c);
  }
  if (shared.releases.load() != 1)
    crowd_.Violate("R3: a registration failed without its release function");
  if (!guild.closing.load(std::memory_order_acquire))
    crowd_.Violate(std::string("R4: register says ") + belay_status_name(got));
}

void CrowdWorker::Call(const Op& op) {
  const Held held = Pick(op.a);
  const std::uint64_t request = operations_;
  std::uint64_t reply = 0;
  belay_call call = BELAY_CALL_INIT;
  call.request = &request;
  call.request_size = sizeof request;
  // Two changes of thread: rarely.
  const bool waits = held.shared != nullptr && held.shared->elsewhere && op.c % 16 != 0;
  if (op.what == Do::kInvoke && !waits) {
    call.reply = &reply;
    call.reply_capacity = sizeof reply;
    const belay_status got = belay_invoke(held.handle, &call);
    if (Judge("invoke", got, held, BELAY_RIGHT_INVOKE, kCallRefusals) == BELAY_OK &&
        reply != request)
      crowd_.Violate("R4: a call's reply is another's");
    return;
  }
  if (op.what == Do::kPost) {
    (void)Judge("post", belay_post(held.handle, &call), held, BELAY_RIGHT_INVOKE, kCallRefusals);
    return;
  }
  Answer& answer = answers_.emplace_back(crowd_);
  belay_completion completion{};
  completion.struct_size = sizeof completion;
  completion.run = &Answer::Run;
  completion.context = &answer;
  completion.tag = reinterpret_cast<std::uint64_t>(&answer);
  if (op.b % 2 == 0) completion.queue = crowd_.queue;
  crowd_.asked.fetch_add(1);
  const belay_status got = belay_submit(held.handle, &call, &completion, nullptr);
  if (Judge("submit", got, held, BELAY_RIGHT_INVOKE, kCallRefusals) == BELAY_OK) return;
  crowd_.asked.fetch_sub(1);
  if (answer.runs.load() != 0) crowd_.Violate("R18: a call was refused, and ended all the same");
}

void CrowdWorker::Broadcast(const Op& op) {
  std::array<Held, 3> held;
  std::array<belay_handle, 3> handles{};
  std::array<belay_status, 3> got{};
  for (std::size_t i = 0; i < held.size(); ++i) {
    held[i] = Pick(static_cast<std::uint8_t>(op.a + 2 * i));
    handles[i] = held[i].handle;
    held[i].kept = false;  // a call of the first may let go of the next
  }
  belay_call call = BELAY_CALL_INIT;
  (void)belay_broadcast(handles.data(), handles.size(), &call, nullptr, got.data());
  for (std::size_t i = 0; i < held.size(); ++i)
    (void)Judge("broadcast", got[i], held[i], BELAY_RIGHT_INVOKE, kCallRefusals);
}

void CrowdWorker::Unregister(const Held& held) {
  // One handle in so many that lead to it is enough.
  if (held.shared == nullptr || operations_ % 4 != 0) return;
  if ((held.rights & BELAY_RIGHT_UNREGISTER) != 0)
    held.shared->may_end.store(true, std::memory_order_release);
  (void)Judge("unregister", belay_unregister(held.handle), held, BELAY_RIGHT_UNREGISTER, {});
}

void CrowdWorker::Drain(const Held& held) {
  constexpr std::array kAllowed = {BELAY_DEADLINE_EXCEEDED, BELAY_WOULD_DEADLOCK,
                                   BELAY_FAILED_PRECONDITION};
  const belay_status got = belay_drain(held.handle, depth_ == 0 && operations_ % 16 == 0 ? 1 : 0);
  if (Judge("drain", got, held, 0, kAllowed) == BELAY_OK && held.shared->releases.load() != 1)
    crowd_.Violate("R7: a drain returned before the release function had run");
}

void CrowdWorker::Pin(const Held& held) {
  if (held.shared == nullptr || !held.shared->typed || pins_.size() == kMostPins) return;
  belay_pin_info info{};
  info.struct_size = sizeof info;
  constexpr std::array kAllowed = {BELAY_SUSPENDED, BELAY_QUARANTINED};
  const belay_status got = belay_pin(held.handle, "i64(i64)", &info);
  if (Judge("pin", got, held, BELAY_RIGHT_INVOKE, kAllowed) != BELAY_OK) return;
  held.shared->pins.fetch_add(1, std::memory_order_acq_rel);
  pins_.push_back({info, held.shared});
}

void CrowdWorker::CallPinned(const Op& op) {
  if (pins_.empty()) return;
  const belay_pin_info& info = pins_[op.a % pins_.size()].info;
  const auto function = reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(info.function);
  if (function(info.context, op.b) != op.b + 1) crowd_.Violate("R11: a pin leads elsewhere");
  ++successes_;
}

void CrowdWorker::Unpin() {
  const Pinned pinned = pins_.back();
  pins_.pop_back();
  pinned.shared->pins.fetch_sub(1, std::memory_order_acq_rel);
  const belay_status got = belay_unpin(pinned.info.pin);
  if (got != BELAY_OK) crowd_.Violate(std::string("R11: unpin says ") + belay_status_name(got));
  ++successes_;
}

void CrowdWorker::Bind(const Op& op, const Held& held) {
  constexpr std::array kAllowed = {BELAY_ALREADY_EXISTS, BELAY_FAILED_PRECONDITION,
                                   BELAY_INVALID_ARGUMENT};
  constexpr std::array kPolicies = {BELAY_NAME_FIRST, BELAY_NAME_ROUND_ROBIN, BELAY_NAME_RANDOM,
                                    BELAY_NAME_LEAST_LOADED};
  belay_name_options options{};
  options.struct_size = sizeof options;
  options.on_conflict = op.c % 3;
  options.policy = kPolicies[op.b % kPolicies.size()];
  const belay_status got = belay_name_bind(crowd_.broker, kCrowdNames[op.b % kCrowdNames.size()],
                                           held.handle, &options, nullptr);
  (void)Judge("bind", got, held, BELAY_RIGHT_BIND | BELAY_RIGHT_RETAIN, kAllowed);
}

// What it leads to, nobody knows: it is called, and let go.
void CrowdWorker::Resolve(const Op& op) {
  belay_handle resolved = 0;
  const belay_status got = belay_name_resolve(crowd_.broker, kCrowdNames[op.b % kCrowdNames.size()],
                                              crowd_.broker, &resolved);
  if (got != BELAY_OK) {
    // All but the first: of a member that ended after it was chosen.
    constexpr std::array kAllowed = {BELAY_NOT_FOUND,    BELAY_PERMISSION_DENIED,
                                     BELAY_UNREGISTERED, BELAY_OWNER_CLOSED,
                                     BELAY_STALE,        BELAY_FAILED_PRECONDITION};
    if (std::ranges::find(kAllowed, got) == kAllowed.end())
      crowd_.Violate(std::string("R4: resolve says ") + belay_status_name(got));
    return;
  }
  ++successes_;
  if (depth_ == 0) {
    belay_call call = BELAY_CALL_INIT;
    (void)belay_post(resolved, &call);
  }
  if (belay_release(resolved) != BELAY_OK)
    crowd_.Violate("R2: a resolved handle was not its holder's");
}

}  // namespace belay::programs
