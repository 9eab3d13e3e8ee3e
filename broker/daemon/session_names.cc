#include "broker/daemon/session_names.h"

#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"
#include "broker/engine/hooks.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

Result<engine::BindOptions> ToBindOptions(int policy, int on_conflict) {
  if (!v1::NamePolicy_IsValid(policy)) {
    return Status(Code::kInvalidArgument, "there is no name policy " + std::to_string(policy));
  }
  if (!v1::OnConflict_IsValid(on_conflict)) {
    return Status(Code::kInvalidArgument, "there is no on_conflict " + std::to_string(on_conflict));
  }
  engine::BindOptions options;
  options.policy = static_cast<engine::NamePolicy>(policy);
  options.on_conflict = static_cast<engine::OnConflict>(on_conflict);
  return options;
}

Result<std::uint64_t> SessionNames::Insert(WireTable::Kind kind, Use use) {
  if (Status room = session_.CheckRoomForHandle(kind); !room.ok()) return room;
  const std::uint64_t number = session_.table().NextNumber();
  session_.table().Insert(number, {0, kind});
  uses_.emplace(number, std::move(use));
  return number;
}

// --- Bindings ---

void SessionNames::OnBind(const v1::BindName& request) {
  const std::uint64_t request_id = request.request_id();
  const auto refuse = [&](const Status& why) { session_.ReplyStatus(request_id, why); };
  if (session_.hub().draining()) return refuse(ShuttingDown());
  const access::Permissions& allowed = session_.caller().permissions;
  if (session_.RefuseUnless(allowed.Check(access::Verb::kRegister, request.name()), request_id))
    return;
  const auto entry = session_.table().FindCallback(request.handle());
  if (!entry.ok()) return refuse(entry.status());
  auto options = ToBindOptions(request.policy(), request.on_conflict());
  if (!options.ok()) return refuse(options.status());
  if (request.has_if_version()) options->if_version = request.if_version();
  if (request.if_member() != 0) {
    const auto member = session_.table().FindCallback(request.if_member());
    if (!member.ok()) return refuse(member.status());
    options->if_member = (*member)->handle;
  }
  // Before the name is bound: what is refused has no effect.
  if (Status room = session_.CheckRoomForHandle(WireTable::Kind::kBinding); !room.ok())
    return refuse(room);
  Use use;
  use.name = request.name();
  const Status bound =
      session_.hub().broker().Bind(use.name, (*entry)->handle, *options, &use.bound_version);
  if (!bound.ok()) return refuse(bound);
  const std::uint64_t version = use.bound_version;
  const auto number = Insert(WireTable::Kind::kBinding, std::move(use));
  v1::Reply& reply = session_.AddReply(request_id);
  reply.set_handle(*number);
  reply.set_name_version(version);
}

void SessionNames::OnUnbind(const v1::UnbindName& request) {
  const access::Permissions& allowed = session_.caller().permissions;
  if (session_.RefuseUnless(allowed.Check(access::Verb::kRegister, request.name()),
                            request.request_id()))
    return;
  const auto entry = session_.table().FindCallback(request.handle());
  if (!entry.ok()) return session_.ReplyStatus(request.request_id(), entry.status());
  std::uint32_t rights = 0;
  Status status = engine::CheckMayBind((*entry)->handle, &rights);
  if (status.ok()) status = session_.hub().broker().UnbindMember(request.name(), (*entry)->handle);
  session_.ReplyStatus(request.request_id(), status);
}

// --- Names that are followed ---

void SessionNames::Follow(std::uint64_t request_id, const std::string& name) {
  if (Status status = engine::CheckName(name); !status.ok())
    return session_.ReplyStatus(request_id, status);
  Use use;
  use.name = name;
  const auto number = Insert(WireTable::Kind::kName, std::move(use));
  if (!number.ok()) return session_.ReplyStatus(request_id, number.status());
  session_.AddReply(request_id).set_handle(*number);
}

const std::string* SessionNames::Followed(std::uint64_t number) const {
  const auto found = uses_.find(number);
  if (found == uses_.end()) return nullptr;
  const Use& use = found->second;
  return use.bound_version == 0 && use.watch == nullptr ? &use.name : nullptr;
}

// --- Names that are watched ---

void SessionNames::OnWatch(const v1::WatchName& request) {
  const access::Permissions& allowed = session_.caller().permissions;
  if (session_.RefuseUnless(allowed.Check(access::Verb::kResolve, request.name()),
                            request.request_id()))
    return;
  const auto number = Insert(WireTable::Kind::kNameWatch, {});
  if (!number.ok()) return session_.ReplyStatus(request.request_id(), number.status());
  // Whoever changes the name may be in the middle of something, on this thread or another.
  auto watch = session_.hub().broker().WatchName(
      request.name(),
      [weak = session_.weak_from_this(), &inbox = session_.hub().inbox, number = *number] {
        inbox.Post([weak, number] {
          if (const auto session = weak.lock()) session->names().OnChanged(number);
        });
      });
  if (!watch.ok()) {
    uses_.erase(*number);
    session_.table().Erase(*number);
    return session_.ReplyStatus(request.request_id(), watch.status());
  }
  session_.AddReply(request.request_id()).set_handle(*number);
  Use& use = uses_.at(*number);
  use.name = request.name();
  use.watch = std::move(*watch);
  Tell(*number, use);
}

void SessionNames::OnChanged(std::uint64_t number) {
  const auto found = uses_.find(number);
  if (found == uses_.end()) return;
  found->second.has_news = true;
  if (!found->second.is_telling) Tell(number, found->second);
}

void SessionNames::OnTold(std::uint64_t number) {
  const auto found = uses_.find(number);
  if (found == uses_.end()) return;
  found->second.is_telling = false;
  if (found->second.has_news) Tell(number, found->second);
}

void SessionNames::Tell(std::uint64_t number, Use& use) {
  use.has_news = false;
  use.is_telling = true;
  const engine::NameState state = session_.hub().broker().LookAtName(*use.watch);
  auto told = [weak = session_.weak_from_this(), number] {
    if (const auto session = weak.lock()) session->names().OnTold(number);
  };
  v1::NameChanged& change = *session_.outbox()
                                 .Add(use.name.size() + state.owner_name.size(), std::move(told))
                                 .mutable_name_changed();
  change.set_handle(number);
  change.set_name(use.name);
  change.set_version(state.version);
  change.set_policy(static_cast<v1::NamePolicy>(state.policy));
  change.set_members(static_cast<std::uint32_t>(state.members));
  change.set_owner(state.owner_name);
  session_.Flush();
}

// --- Ends ---

void SessionNames::GiveUp(const Use& use) {
  engine::Broker& broker = session_.hub().broker();
  if (use.bound_version != 0) broker.UnbindVersion(use.name, use.bound_version);
  if (use.watch != nullptr) broker.UnwatchName(use.watch);
}

void SessionNames::Release(std::uint64_t number) {
  const auto use = uses_.extract(number);
  session_.table().Erase(number);
  if (!use.empty()) GiveUp(use.mapped());
}

void SessionNames::End() {
  for (const auto& [number, use] : std::exchange(uses_, {})) GiveUp(use);
}

}  // namespace belay::daemon
