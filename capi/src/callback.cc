// Registering callbacks, and the lives of their handles.
#include "broker/registry/executor_objects.h"
#include "broker/registry/registry.h"
#include "capi/src/call.h"
#include "capi/src/guard.h"

using belay::base::Code;
using belay::base::Status;
using belay::registry::CallbackSpec;
using belay::registry::Kind;
using belay::registry::KindOf;
using belay::registry::OnFull;
using belay::registry::OwnedContext;
using belay::registry::Registry;
using namespace belay::capi;

namespace {

constexpr std::size_t kMostTextBytes = 255;
constexpr std::uint32_t kCallbackFlags =
    BELAY_CALLBACK_ONCE | BELAY_CALLBACK_SERIAL | BELAY_CALLBACK_WAIT;

bool TakeText(const char* given, std::string* text) {
  if (given == nullptr) return true;
  *text = given;
  return text->size() <= kMostTextBytes;
}

// Where the callback runs, and how many calls at a time.
Status Place(belay_handle owner, const belay_callback_options& given, CallbackSpec* spec) {
  const auto invalid = [](const char* text) { return Status(Code::kInvalidArgument, text); };
  const bool is_inline = given.executor == BELAY_EXECUTOR_INLINE;
  const bool is_serial = (given.flags & BELAY_CALLBACK_SERIAL) != 0;
  const bool waits = (given.flags & BELAY_CALLBACK_WAIT) != 0;
  if (given.typed != nullptr && (!is_inline || given.flags != 0 || given.max_concurrency != 0))
    return invalid(
        "a typed callback is called directly: it has no executor, flags or max_concurrency");
  if (is_serial && (waits || given.max_concurrency != 0))
    return invalid(
        "BELAY_CALLBACK_SERIAL stands alone: max_concurrency and WAIT say something else");
  if (waits && (given.max_concurrency == 0 || !is_inline)) {
    return invalid(
        "BELAY_CALLBACK_WAIT is for an inline callback with max_concurrency; others queue already");
  }
  spec->gate.once = (given.flags & BELAY_CALLBACK_ONCE) != 0;
  spec->gate.max_concurrency = is_serial && is_inline ? 1 : given.max_concurrency;
  if (waits || is_serial) spec->gate.on_full = OnFull::kWait;
  if (is_inline) return {};
  const bool on_pool = given.executor == BELAY_EXECUTOR_POOL;
  if (is_serial && KindOf(given.executor) == Kind::kQueue)
    return invalid("a queue is as serial as those who poll it: use a strand, or the pool");
  auto executor = !on_pool    ? belay::registry::FindExecutor(given.executor)
                  : is_serial ? belay::registry::OwnStrandOf(owner, spec->label)
                              : belay::registry::PoolOf(owner);
  if (!executor.ok()) return executor.status();
  spec->executor = executor->executor;
  spec->executor_keeper = std::move(executor->keeper);
  return {};
}

// From here on the context is ours: whatever fails, its release function has run when this returns. That may
// call Belay and fail, which is why the caller remembers the status only then.
Status Register(belay_handle owner, const belay_callback_options& given, belay_handle* callback) {
  const auto invalid = [](const char* text) { return Status(Code::kInvalidArgument, text); };
  CallbackSpec spec;
  spec.context = OwnedContext(given.context, given.release);
  if (callback == nullptr) return invalid("callback (where to write the handle) is null");
  if ((given.flags & ~kCallbackFlags) != 0) return invalid("options->flags has unknown bits");
  if (given.reserved != 0) return invalid("options->reserved must be 0");
  if (!TakeText(given.label, &spec.label))
    return invalid("options->label is longer than 255 bytes");
  if (!TakeText(given.site, &spec.site)) return invalid("options->site is longer than 255 bytes");
  if ((given.callback != nullptr) == (given.typed != nullptr))
    return invalid("exactly one of options->callback and options->typed must be set");
  if ((given.typed != nullptr) != (given.signature != nullptr))
    return invalid("options->signature goes with options->typed, and with it only");
  if (given.callback != nullptr) {
    spec.target.function = given.callback;
    spec.target.adapter = &CallWithBytes;
  } else {
    spec.target.typed = given.typed;
    spec.target.signature = given.signature;
  }
  if (Status placed = Place(owner, given, &spec); !placed.ok()) return placed;
  auto registered = Registry::Register(owner, std::move(spec));
  if (registered.ok()) *callback = *registered;
  return registered.status();
}

}  // namespace

extern "C" {

belay_status belay_register(belay_handle owner, const belay_callback_options* options,
                            belay_handle* callback) {
  return Guarded([&] {
    belay_callback_options given{};
    constexpr std::size_t kLeast =
        offsetof(belay_callback_options, release) + sizeof(belay_release_fn);
    if (!Load(options, kLeast, &given)) {
      return InvalidArgument(
          "options is null, or its struct_size too small: set it to "
          "sizeof(belay_callback_options)");
    }
    return Done(Register(owner, given, callback));
  });
}

belay_status belay_retain(belay_handle callback, belay_handle holder, uint32_t rights,
                          belay_handle* retained) {
  return Guarded([&] {
    if (retained == nullptr) return InvalidArgument("retained is null");
    if ((rights & ~BELAY_RIGHTS_ALL) != 0) return InvalidArgument("rights has unknown bits");
    auto handle = Registry::Retain(callback, holder, rights);
    if (!handle.ok()) return Fail(handle.status());
    *retained = *handle;
    return BELAY_OK;
  });
}

belay_status belay_release(belay_handle handle) {
  return Guarded([&] { return Done(Registry::Release(handle)); });
}

belay_status belay_unregister(belay_handle callback) {
  return Guarded([&] { return Done(Registry::Unregister(callback, Code::kUnregistered)); });
}

belay_status belay_drain(belay_handle callback, uint64_t timeout_ms) {
  return Guarded([&] { return Done(Registry::Drain(callback, Nanoseconds(timeout_ms))); });
}

belay_status belay_drain_all(const belay_handle* callbacks, uint64_t count, uint64_t timeout_ms) {
  return Guarded([&] {
    if (callbacks == nullptr && count != 0)
      return InvalidArgument("callbacks is null with a count");
    return Done(Registry::Drain(std::span(callbacks, count), Nanoseconds(timeout_ms)));
  });
}

belay_status belay_drain_notify(belay_handle callback, belay_release_fn notify, void* context) {
  return Guarded([&] {
    if (notify == nullptr) return InvalidArgument("notify is null");
    return Done(Registry::NotifyDrained(callback, notify, context));
  });
}

belay_status belay_suspend(belay_handle callback, uint64_t timeout_ms) {
  return Guarded([&] { return Done(Registry::Suspend(callback, Nanoseconds(timeout_ms))); });
}

belay_status belay_resume(belay_handle callback) {
  return Guarded([&] { return Done(Registry::Resume(callback)); });
}

belay_status belay_quarantine(belay_handle callback) {
  return Guarded([&] { return Done(Registry::Quarantine(callback)); });
}

belay_status belay_restore(belay_handle callback) {
  return Guarded([&] { return Done(Registry::Restore(callback)); });
}

belay_status belay_pin(belay_handle callback, const char* signature, belay_pin_info* info) {
  return Guarded([&] {
    if (signature == nullptr) return InvalidArgument("signature is null");
    if (info == nullptr || info->struct_size < sizeof(belay_pin_info)) {
      return InvalidArgument("info is null, or its struct_size too small");
    }
    auto pinned = Registry::PinTyped(callback, signature);
    if (!pinned.ok()) return Fail(pinned.status());
    belay_pin_info filled{};
    filled.pin = pinned->pin;
    filled.function = pinned->function;
    filled.context = pinned->context;
    Store(filled, info, info->struct_size);
    return BELAY_OK;
  });
}

belay_status belay_unpin(belay_handle pin) {
  return Guarded([&] {
    const auto kind = belay::registry::KindOf(pin);
    if (kind != belay::registry::Kind::kPin) {
      // Told by what the handle is: a callback must not be released by a wrong unpin.
      auto found = Registry::Find(pin, belay::registry::Kind::kPin);
      return Done(found.status());
    }
    return Done(Registry::Release(pin));
  });
}
}
