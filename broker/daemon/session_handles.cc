// Handles: what the client registers, finds, keeps and lets go.
#include <algorithm>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/hosted_callback.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Registry;

namespace {

Status CheckText(std::string_view what, const std::string& text) {
  if (text.size() <= kMaxNameBytes) return {};
  return Status(Code::kInvalidArgument, std::string(what) + " has " + std::to_string(text.size()) +
                                            " bytes, at most 255 are allowed");
}

}  // namespace

Status Session::CheckRoomForHandle(WireTable::Kind kind) const {
  const Limits& limits = limits_;
  if (kind == WireTable::Kind::kSnapshot && table_.snapshots() >= limits.max_snapshots) {
    return Status(Code::kResourceExhausted,
                  "the session has " + std::to_string(table_.snapshots()) +
                      " snapshots, max_snapshots is " + std::to_string(limits.max_snapshots),
                  "TOO_MANY_SNAPSHOTS");
  }
  // Released callbacks count until their contexts are gone: they still cost memory.
  const std::size_t used = std::max<std::size_t>(table_.size(), hosted_);
  if (used < limits.max_handles) return account_->CheckHandle();
  return Status(Code::kResourceExhausted,
                "the session has " + std::to_string(used) + " handles, max_handles is " +
                    std::to_string(limits.max_handles),
                "TOO_MANY_HANDLES");
}

void Session::OnRegister(const v1::Register& request) {
  if (RefuseWhileDraining(request.request_id())) return;
  if (!request.name().empty() &&
      RefuseUnless(caller_.permissions.Check(access::Verb::kRegister, request.name()),
                   request.request_id())) {
    return;
  }
  for (const auto& status :
       {CheckText("label", request.label()), CheckText("site", request.site()),
        CheckText("name", request.name()), CheckRoomForHandle(WireTable::Kind::kHosted),
        account_->CheckCallback()}) {
    if (!status.ok()) return ReplyStatus(request.request_id(), status);
  }
  const auto bind = ToBindOptions(request.policy(), request.on_conflict());
  if (!bind.ok()) return ReplyStatus(request.request_id(), bind.status());
  const std::uint64_t number = table_.NextNumber();
  HostedCallback* hosted = nullptr;
  registry::CallbackSpec spec = HostedCallback::MakeSpec(shared_from_this(), number, &hosted);
  spec.label = request.label();
  spec.site = request.site();
  ++hosted_;
  ++account_->used.callbacks;
  const auto handle = Registry::Register(owner_, std::move(spec));
  if (!handle.ok()) return ReplyStatus(request.request_id(), handle.status());
  std::uint64_t name_version = 0;
  if (!request.name().empty()) {
    auto bound = hub_.broker().Bind(request.name(), *handle, *bind, &name_version);
    if (!bound.ok()) {
      // Nothing stays registered; the context's release says nothing to a client that never had it.
      (void)Registry::Release(*handle);
      return ReplyStatus(request.request_id(), bound);
    }
  }
  // Even if an administrator revokes it right now, the context is only freed by a later task of this thread.
  hosted->Announce();
  table_.Insert(number, {*handle, WireTable::Kind::kHosted});
  v1::Reply& reply = AddReply(request.request_id());
  reply.set_handle(number);
  reply.set_name_version(name_version);
}

Result<std::uint64_t> Session::Hold(Handle handle, WireTable::Kind kind) {
  if (Status room = CheckRoomForHandle(kind); !room.ok()) {
    (void)Registry::Release(handle);
    return room;
  }
  const std::uint64_t number = table_.NextNumber();
  table_.Insert(number, {handle, kind});
  return number;
}

void Session::HoldAndReply(std::uint64_t request_id, const Result<Handle>& held,
                           WireTable::Kind kind) {
  if (!held.ok()) return ReplyStatus(request_id, held.status());
  const auto number = Hold(*held, kind);
  if (!number.ok()) return ReplyStatus(request_id, number.status());
  AddReply(request_id).set_handle(*number);
}

void Session::OnRetain(std::uint64_t request_id, std::uint64_t wire_handle) {
  if (const std::string* const name = names_.Followed(wire_handle))
    return names_.Follow(request_id, *name);
  const auto entry = table_.FindCallback(wire_handle);
  if (!entry.ok()) return ReplyStatus(request_id, entry.status());
  HoldAndReply(request_id, Registry::Retain((*entry)->handle, owner_, 0),
               WireTable::Kind::kCallback);
}

void Session::OnResolve(const v1::Resolve& request) {
  const std::uint64_t request_id = request.request_id();
  if (RefuseWhileDraining(request_id)) return;
  const std::string& name = request.name();
  const access::Permissions& allowed = caller_.permissions;
  if (RefuseUnless(allowed.Check(access::Verb::kResolve, name), request_id)) return;
  if (request.follow()) return names_.Follow(request_id, name);
  const auto found = hub_.broker().Resolve(name);
  if (!found.ok()) return ReplyStatus(request_id, found.status());
  // What may not be invoked is told the registry, which then refuses it: so calls need not be looked at here.
  std::uint32_t rights = 0;
  if (!allowed.Check(access::Verb::kInvoke, name).ok()) rights = registry::kRightRetain;
  HoldAndReply(request_id, Registry::Retain(*found, owner_, rights), WireTable::Kind::kCallback);
}

void Session::OnRelease(std::uint64_t request_id, std::uint64_t wire_handle) {
  const auto found = table_.Find(wire_handle);
  if (!found.ok()) return ReplyStatus(request_id, found.status());
  const WireTable::Kind kind = (*found)->kind;
  if ((*found)->handle == 0) {
    if (kind == WireTable::Kind::kExport) {
      RevokeExport(wire_handle);
    } else {
      names_.Release(wire_handle);
    }
    return ReplyStatus(request_id, {});
  }
  // The name goes with its registrant's handle: else it would keep the callback alive for ever.
  if (kind == WireTable::Kind::kHosted) hub_.broker().UnbindCallback((*found)->handle);
  const Status released = Registry::Release((*found)->handle);
  table_.Erase(wire_handle);
  ReplyStatus(request_id, released);
}

void Session::OnUnregister(std::uint64_t request_id, std::uint64_t wire_handle) {
  const auto entry = table_.FindCallback(wire_handle);
  if (!entry.ok()) return ReplyStatus(request_id, entry.status());
  const Status status = Registry::Unregister((*entry)->handle, Code::kUnregistered);
  if (status.ok()) hub_.broker().UnbindCallback((*entry)->handle);
  ReplyStatus(request_id, status);
}

}  // namespace belay::daemon
