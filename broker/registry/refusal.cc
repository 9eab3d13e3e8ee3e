#include "broker/registry/refusal.h"

#include <new>

#include "broker/registry/handle_table.h"
#include "broker/registry/misuse.h"
#include "broker/registry/registry.h"
#include "broker/registry/thread_record.h"

namespace belay::registry {

using base::Code;
using base::Status;

namespace {

std::string Named(const Callback& callback) {
  return "callback \"" + std::string(callback.label()) + "\"";
}

// With what is remembered of the handle's end; `plain` if there is no memory to tell it (R6).
Status Stale(Handle handle, const Graveyards::Found& found, Status plain) {
  try {
    return Status(Code::kStale, "the " + std::string(KindName(KindOf(handle))) + " handle " +
                                    HandleText(handle) + " was " +
                                    found.graveyard->Tell(found.stone));
  } catch (const std::bad_alloc&) {
    return plain;
  }
}

std::string_view Reason(Code code) {
  switch (code) {
    case Code::kUnregistered: return "the callback was unregistered by its owner";
    case Code::kRevoked: return "the callback was revoked by an administrator";
    case Code::kOwnerClosed: return "the owner that registered the callback is closed";
    case Code::kHostLost: return "the process that ran the callback is gone";
    default: return "the callback has no references left";
  }
}

// Of those that the registry itself asks for.
std::string_view RightName(std::uint32_t missing) {
  if ((missing & kRightInvoke) != 0) return "invoke";
  if ((missing & kRightRetain) != 0) return "retain";
  return "unregister";
}

}  // namespace

Status Explained(Handle handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  HandleTable& table = HandleTable::Get();
  Status plain = table.Explain(handle);
  if (plain.code() != Code::kStale) return plain;
  const Graveyards::Found found = table.graveyards().Find(handle);
  return found.graveyard == nullptr ? plain : Stale(handle, found, std::move(plain));
}

Status NoObject(Handle handle) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  HandleTable& table = HandleTable::Get();
  Status status = table.Explain(handle);
  Graveyards::Found found;
  if (status.code() == Code::kStale) found = table.graveyards().Find(handle);
  if (found.graveyard != nullptr) {
    status = Stale(handle, found, std::move(status));
    return ApplyMisusePolicy(*found.graveyard, found.stone.misuse, std::move(status));
  }
  // Nobody knows whose it was.
  found.graveyard = table.graveyards().Strictest();
  if (found.graveyard == nullptr) return status;
  return ApplyMisusePolicy(*found.graveyard, found.graveyard->misuse(), std::move(status));
}

Status WrongKind(Handle handle, std::string_view wanted) {
  return Misused(handle, Status(Code::kWrongKind, "a " + std::string(KindName(KindOf(handle))) +
                                                      " handle was given where one of a " +
                                                      std::string(wanted) + " is needed"));
}

Status Misused(Handle handle, Status status) {
  Graveyard& graveyard = HandleTable::Get().object_of(SlotOf(handle)).registry().graveyard();
  return ApplyMisusePolicy(graveyard, Registry::HolderPolicy(handle), std::move(status));
}

Status TooDeep() {
  return Status(Code::kRecursionLimit,
                "calls are nested " + std::to_string(kMaxDepth) + " deep on this thread");
}

Status OverBudget(const Owner& owner, std::string_view what, std::uint64_t most) {
  return Status(Code::kResourceExhausted,
                "owner \"" + owner.name + "\" may have " + std::to_string(most) + " " +
                    std::string(what) + " and has them",
                "OWNER_BUDGET");
}

Status DeadCallback(const Callback& callback) {
  if (callback.is_live()) return {};
  if (callback.refusal() == Code::kFailedPrecondition) {
    return Status(Code::kFailedPrecondition, Named(callback) + " may be called once and was",
                  "ALREADY_CALLED");
  }
  return Status(callback.refusal(),
                Named(callback) + ": " + std::string(Reason(callback.refusal())));
}

Status Quarantined(const Callback& callback, std::int64_t now_ns) {
  const Status why = callback.extra.load(std::memory_order_acquire)->breaker.Refusal(now_ns);
  return Status(why.code(), Named(callback) + ": " + why.message(), why.reason());
}

Status RefusesCalls(const Callback& callback, std::int64_t now_ns) {
  if (callback.state() == State::kSuspended) {
    return Status(Code::kSuspended,
                  Named(callback) + " is suspended: call again when it is resumed");
  }
  if (callback.state() == State::kQuarantined &&
      !callback.extra.load(std::memory_order_acquire)->breaker.IsProbeDue(now_ns))
    return Quarantined(callback, now_ns);
  return DeadCallback(callback);
}

Status MissingRight(const Callback& callback, std::uint32_t missing) {
  return Status(Code::kPermissionDenied, "this handle to " + Named(callback) +
                                             " does not carry the right to " +
                                             std::string(RightName(missing)));
}

}  // namespace belay::registry
