// Operations on owners, callbacks, handles, pins and names.
#include <array>

#include "tests/model/programs/runner.h"

namespace belay::programs {
namespace {

// For what the model says will come: so long only if the library is wrong.
constexpr std::uint64_t kForEverMs = 20'000;
constexpr std::array<const char*, kNameCount> kNames = {"a", "b", "c", "d"};

std::uint64_t TimeoutMs(belay_status wanted) { return wanted == BELAY_OK ? kForEverMs : 0; }

// What `b` and `c` of a registration stand for; `executor` is found by `c`.
Spec SpecOf(const Op& op) {
  Spec spec;
  switch (op.b % 24) {
    case 0: spec.once = true; break;
    case 1:
      spec.max_concurrency = 1;
      spec.waits = true;
      break;
    case 2: spec.max_concurrency = 2; break;
    case 3:
    case 4:
    case 5:
    case 6:
    case 7: spec.typed = true; break;
    case 8:
    case 9: spec.place = Place::kQueue; break;
    case 10:
      spec.place = Place::kQueue;
      spec.max_concurrency = 2;
      break;
    case 11:
      // Two changes of thread for each call: a few are enough.
      if (op.c % 8 == 0) spec.place = op.c < 128 ? Place::kStrand : Place::kPool;
      break;
    case 12: spec.invalid = op.c % 4 == 0; break;
    default: break;
  }
  return spec;
}

}  // namespace

template <typename F>
void Runner::Made(belay_status wanted, F make) {
  belay_handle made = 0;
  if (!Expect(wanted, make(&made)) || wanted != BELAY_OK) return;
  real_.push_back(made);
  pins_.resize(real_.size());
}

// a: parent; b: a bound on handles (c: how many) or callbacks, or none.
void Runner::OpenOwner(const Op& op) {
  const Id parent = PickHolder(op.a);
  Budget budget;
  if (op.b % 4 == 1) budget.max_handles = 1U + op.c % 6U;
  if (op.b % 4 == 2) budget.max_callbacks = 1U + op.c % 3U;
  belay_owner_options options{};
  options.struct_size = sizeof options;
  options.name = "owner";
  options.max_handles = budget.max_handles;
  options.max_callbacks = budget.max_callbacks;
  Made(model_.OpenOwner(parent, budget),
       [&](belay_handle* owner) { return belay_owner_open_with(real(parent), &options, owner); });
}

void Runner::CloseOwner(Id owner, int mode) {
  const belay_status wanted = model_.CloseOwner(owner, mode);
  MarkDropped();
  MarkFreed();
  (void)Expect(wanted, mode == BELAY_DETACH_DROP ? belay_owner_detach(real(owner), mode)
                                                 : belay_owner_close(real(owner)));
}

void Runner::CloseBroker() {
  const belay_status wanted = model_.CloseBroker();
  MarkFreed();
  (void)Expect(wanted, belay_close(broker_, TimeoutMs(wanted)));
}

// a: owner; b, c: see SpecOf.
void Runner::Register(const Op& op) {
  const Id owner = PickHolder(op.a);
  Spec spec = SpecOf(op);
  const bool on_handle = spec.place == Place::kQueue || spec.place == Place::kStrand;
  if (on_handle) {
    const std::uint32_t kind = spec.place == Place::kQueue ? BELAY_KIND_QUEUE : BELAY_KIND_STRAND;
    spec.executor = Pick(kind, op.c / 8);
    const bool is_strand =
        spec.executor >= 0 && model_.handle(spec.executor).kind == BELAY_KIND_STRAND;
    spec.place = is_strand ? Place::kStrand : Place::kQueue;
  }
  Context& context = dues_.contexts.emplace_back(alarm_, this, model_.callbacks(), spec.place);
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.context = &context;
  options.release = &Context::Release;
  options.label = "program";
  if (spec.typed) {
    options.signature = "i64(i64)";
    options.typed = reinterpret_cast<belay_function>(&Context::Typed);
  } else {
    options.callback = &Context::Call;
  }
  if (spec.once) options.flags |= BELAY_CALLBACK_ONCE;
  if (spec.waits) options.flags |= BELAY_CALLBACK_SERIAL;
  if (spec.invalid) options.flags |= 0x80U;
  options.max_concurrency = spec.waits ? 0 : spec.max_concurrency;
  if (spec.place == Place::kPool) options.executor = BELAY_EXECUTOR_POOL;
  if (on_handle) options.executor = real(spec.executor);

  Model::Full full = model_.CountsAsFull(owner);
  belay_handle made = 0;
  // The library first: it alone knows whether a release function has run. A failure runs this one's.
  context.may_be_released.store(true);
  const belay_status got = belay_register(real(owner), &options, &made);
  if (full == Model::Full::kPerhaps)
    full = got == BELAY_RESOURCE_EXHAUSTED ? Model::Full::kYes : Model::Full::kNo;
  const belay_status wanted = model_.Register(owner, spec, full);
  if (!Expect(wanted, got)) return;
  if (wanted != BELAY_OK) {
    if (context.runs.load() != 1) Diverge("R3: a registration failed without its release function");
    return;
  }
  if (context.runs.load() != 0) Diverge("R3: a release function ran at the registration");
  context.may_be_released.store(false);
  contexts_.push_back(&context);
  real_.push_back(made);
  pins_.resize(real_.size());
}

// a: callback; b: holder, or the same; c: rights, or the same.
void Runner::Retain(const Op& op) {
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const Id holder = op.b < 128 ? kSame : PickHolder(op.b);
  const std::uint32_t rights = op.c % 4 == 0 ? (op.c / 4U) & BELAY_RIGHTS_ALL : BELAY_RIGHTS_SAME;
  Made(model_.Retain(callback, holder, rights), [&](belay_handle* retained) {
    return belay_retain(real(callback), holder == kSame ? 0 : real(holder), rights, retained);
  });
}

void Runner::Release(Id handle) {
  const belay_status wanted = model_.Release(handle);
  MarkFreed();
  (void)Expect(wanted, belay_release(real(handle)));
}

// a: handle, of a callback (b even) or any; c: to whom.
void Runner::Transfer(const Op& op) {
  const Id handle = op.b % 2 == 0 ? Pick(BELAY_KIND_CALLBACK, op.a) : PickAny(op.a);
  const Id holder = PickHolder(op.c);
  const belay_status wanted = model_.Transfer(handle, holder);
  (void)Expect(wanted, belay_handle_transfer(real(handle), real(holder)));
}

void Runner::Suspend(const Op& op) {
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const belay_status wanted = model_.Suspend(callback);
  (void)Expect(wanted, belay_suspend(real(callback), TimeoutMs(wanted)));
}

void Runner::Drain(const Op& op) {
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const belay_status wanted = model_.Drain(callback);
  const belay_status got = belay_drain(real(callback), TimeoutMs(wanted));
  const bool is_callback = callback >= 0 && model_.handle(callback).kind == BELAY_KIND_CALLBACK;
  const Id id = is_callback ? model_.handle(callback).object : kNone;
  // No event tells the host of a release function that is not to run.
  const bool may_be_over = is_callback &&
                           (model_.callback(id).dropped || model_.callback(id).may_be_dropped) &&
                           model_.callback(id).freed;
  if (!Expect(wanted, got, may_be_over ? BELAY_OK : wanted) || got != BELAY_OK) return;
  model_.Drained(id);
  const Context& context = *contexts_[static_cast<std::size_t>(id)];
  if (!context.HasCome()) Diverge("R7: a drain returned before the release function had run");
}

void Runner::DrainNotify(const Op& op) {
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const belay_status wanted = model_.DrainNotify(callback);
  if (wanted != BELAY_OK) {
    const auto never = [](void*) {};
    (void)Expect(wanted, belay_drain_notify(real(callback), never, nullptr));
    return;
  }
  const Id id = model_.handle(callback).object;
  Notice& notice = dues_.notices.emplace_back(alarm_, *contexts_[static_cast<std::size_t>(id)]);
  (void)Expect(wanted, belay_drain_notify(real(callback), &Notice::Run, &notice));
}

void Runner::Pin(const Op& op) {
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  belay_pin_info info{};
  info.struct_size = sizeof info;
  const belay_status wanted = model_.Pin(callback);
  Made(wanted, [&](belay_handle* pin) {
    const belay_status status = belay_pin(real(callback), "i64(i64)", &info);
    *pin = info.pin;
    return status;
  });
  if (wanted == BELAY_OK && !divergence_) pins_.back() = info;
}

void Runner::CallPinned(const Op& op) {
  const Id pin = Pick(BELAY_KIND_PIN, op.a);
  if (pin == kForged || model_.handle(pin).kind != BELAY_KIND_PIN || !model_.handle(pin).open)
    return;
  const belay_pin_info& info = pins_[static_cast<std::size_t>(pin)];
  const auto function = reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(info.function);
  if (function(info.context, op.b) != op.b + model_.handle(pin).object)
    Diverge("R11: a pin leads to another callback");
}

void Runner::Unpin(Id pin) {
  const belay_status wanted = model_.Unpin(pin);
  MarkFreed();
  (void)Expect(wanted, belay_unpin(real(pin)));
}

// a: callback; b: name; c: what to do on conflict, and the policy.
void Runner::Bind(const Op& op) {
  constexpr std::array kPolicies = {BELAY_NAME_SINGLE, BELAY_NAME_FIRST, BELAY_NAME_ROUND_ROBIN,
                                    BELAY_NAME_BROADCAST};
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const int name = op.b % kNameCount;
  belay_name_options options{};
  options.struct_size = sizeof options;
  options.on_conflict = op.c % 3;
  options.policy = kPolicies[op.c / 3U % kPolicies.size()];
  const belay_status wanted = model_.Bind(name, callback, options.on_conflict, options.policy);
  MarkFreed();
  (void)Expect(wanted, belay_name_bind(real(kBroker), kNames[static_cast<std::size_t>(name)],
                                       real(callback), &options, nullptr));
}

void Runner::Unbind(int name, Id callback) {
  const belay_status wanted = model_.Unbind(name, callback);
  MarkFreed();
  const belay_status got = belay_name_unbind(real(kBroker), kNames[static_cast<std::size_t>(name)],
                                             callback == kNone ? 0 : real(callback));
  (void)Expect(wanted, got);
}

// a: holder; b: name.
void Runner::Resolve(const Op& op) {
  const Id holder = PickHolder(op.a);
  const int name = op.b % kNameCount;
  Made(model_.Resolve(name, holder), [&](belay_handle* callback) {
    return belay_name_resolve(real(kBroker), kNames[static_cast<std::size_t>(name)], real(holder),
                              callback);
  });
}

void Runner::Describe(const Op& op) {
  const Id id = Pick(BELAY_KIND_CALLBACK, op.a);
  belay_handle_info info{};
  info.struct_size = sizeof info;
  const belay_status got = belay_describe(real(id), &info);
  const bool open = id != kForged && model_.handle(id).open;
  if (!Expect(open ? BELAY_OK : id == kForged ? BELAY_MALFORMED : BELAY_STALE, got) || !open)
    return;
  const Model::Handle& handle = model_.handle(id);
  if (handle.kind != BELAY_KIND_CALLBACK) return;
  const Model::Callback& callback = model_.callback(handle.object);
  const auto differs = [&](const char* what, std::uint64_t wanted, std::uint64_t shown) {
    if (wanted != shown) {
      Diverge(std::string("R15: ") + what + " are " + std::to_string(wanted) + " in the model, " +
              std::to_string(shown) + " in the library");
    }
  };
  differs("rights", handle.rights, info.rights);
  differs("pins", callback.pins, info.pins);
  if (callback.spec.place == Place::kInline && !callback.spec.typed) {
    differs("calls", callback.calls, info.calls);
    differs("failures", callback.failures, info.failures);
    differs("calls in flight", callback.running, info.in_flight);
  }
  if (callback.refusal != BELAY_OK) {
    if (!callback.freed)
      differs("states", BELAY_STATE_DRAINING, static_cast<std::uint64_t>(info.state));
    return;
  }
  differs("references", callback.references, info.references);
  const int state = callback.suspended     ? BELAY_STATE_SUSPENDED
                    : callback.quarantined ? BELAY_STATE_QUARANTINED
                                           : BELAY_STATE_LIVE;
  differs("states", static_cast<std::uint64_t>(state), static_cast<std::uint64_t>(info.state));
}

}  // namespace belay::programs
