// The session's beginning, its end, and the numbering in between.
#include "broker/daemon/session.h"

#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/status_wire.h"
#include "broker/daemon/store_queue.h"

namespace belay::daemon {

using base::Code;
using base::Status;

Status ShuttingDown() {
  return Status(Code::kUnavailable, "the broker is shutting down", "SHUTTING_DOWN");
}

Session::Session(Hub& hub, Peer* peer, Caller caller)
    : hub_(hub),
      id_(hub.NextSessionId()),
      opened_ns_(hub.clock().MonotonicNs()),
      peer_(peer),
      caller_(std::move(caller)),
      account_(hub.AccountOf(caller_)),
      limits_(hub.limits()),
      table_(account_->used.handles),
      outbox_(hub.limits().pack_bytes) {}

Session::~Session() = default;

void Session::OnFrame(v1::ClientFrame& frame) {
  if (ended()) return;
  if (state_ == State::kNew && IsResume(frame)) return OnResume(frame);
  if (lease_ms_ != 0) heard_ns_ = hub_.clock().MonotonicNs();
  if (frame.ack() > outbox_.sent()) {
    return Break(Status(Code::kInvalidArgument,
                        "ack " + std::to_string(frame.ack()) +
                            " is of an operation never sent; the last one was " +
                            std::to_string(outbox_.sent()),
                        "BAD_ACK"));
  }
  outbox_.OnAck(frame.ack());
  // What comes again was on its way when a connection was lost. Without grace nothing can.
  const std::uint64_t first = frame.first_sequence();
  const bool is_next =
      first == received_ + 1 || (grace_ms_ != 0 && 0 < first && first <= received_);
  if (frame.operations_size() != 0 && !is_next) {
    return Break(Status(Code::kInvalidArgument,
                        "first_sequence is " + std::to_string(frame.first_sequence()) +
                            ", the next operation is number " + std::to_string(received_ + 1),
                        "BAD_SEQUENCE"));
  }
  std::uint64_t number = first;
  for (v1::ClientOperation& operation : *frame.mutable_operations()) {
    if (number++ <= received_) continue;
    ++received_;
    Apply(operation);
    if (ended()) return;
  }
  if (hub_.draining()) EndIfIdle();
}

void Session::Apply(v1::ClientOperation& operation) {
  using Operation = v1::ClientOperation;
  if (operation.operation_case() == Operation::kHello) return OnHello(operation.hello());
  if (state_ == State::kNew) {
    return Break(Status(Code::kInvalidArgument, "the first operation of a session must be Hello",
                        "HELLO_EXPECTED"));
  }
  switch (operation.operation_case()) {
    case Operation::kHello: return;  // dealt with above
    case Operation::kCall: return OnCall(*operation.mutable_call());
    case Operation::kResult: return OnResult(*operation.mutable_result());
    case Operation::kCancel: return OnCancel(operation.cancel());
    case Operation::kRegister: return OnRegister(operation.register_());
    case Operation::kRetain:
      return OnRetain(operation.retain().request_id(), operation.retain().handle());
    case Operation::kRelease:
      return OnRelease(operation.release().request_id(), operation.release().handle());
    case Operation::kUnregister:
      return OnUnregister(operation.unregister().request_id(), operation.unregister().handle());
    case Operation::kResolve: return OnResolve(operation.resolve());
    case Operation::kBindName: return names_.OnBind(operation.bind_name());
    case Operation::kUnbindName: return names_.OnUnbind(operation.unbind_name());
    case Operation::kExportCallback: return OnExport(operation.export_callback());
    case Operation::kImportCallback: return OnImport(operation.import_callback());
    case Operation::kWatchName: return names_.OnWatch(operation.watch_name());
    case Operation::kAttachWatch: return OnAttachWatch(operation.attach_watch());
    case Operation::kForgetWatch: return OnForgetWatch(operation.forget_watch());
    case Operation::kAttachValidator: return OnAttachValidator(operation.attach_validator());
    case Operation::kDetachWatch:
      return OnDetach(operation.detach_watch().request_id(), operation.detach_watch().handle());
    case Operation::kStore: return OnStore(*operation.mutable_store());
    case Operation::kPing:
      outbox_.Add().mutable_pong()->set_nonce(operation.ping().nonce());
      return Flush();
    case Operation::kGoodbye: return OnGoodbye();
    case Operation::OPERATION_NOT_SET:
      // Of a newer client, which must be able to do without it.
      hub_.stats.ignored_operations.fetch_add(1, std::memory_order_relaxed);
      return;
  }
}

void Session::OnHello(const v1::Hello& hello) {
  if (state_ != State::kNew) {
    return Break(Status(Code::kInvalidArgument, "Hello came twice", "SECOND_HELLO"));
  }
  if (hello.client_name().empty() || hello.client_name().size() > kMaxNameBytes) {
    return Break(Status(Code::kInvalidArgument,
                        "client_name has " + std::to_string(hello.client_name().size()) +
                            " bytes, must have 1 to 255",
                        "BAD_CLIENT_NAME"));
  }
  if (hello.instance().size() > kMaxNameBytes) {
    return Break(Status(Code::kInvalidArgument,
                        "instance has " + std::to_string(hello.instance().size()) +
                            " bytes, at most 255 are allowed",
                        "BAD_INSTANCE"));
  }
  if (hello.protocol_version() < kProtocolVersion) {
    return Break(Status(Code::kInvalidArgument,
                        "protocol_version is " + std::to_string(hello.protocol_version()) +
                            ", the lowest spoken here is 1",
                        "BAD_PROTOCOL_VERSION"));
  }
  if (hub_.draining()) return Close(ShuttingDown());
  client_name_ = Printable(hello.client_name());
  instance_ = Printable(hello.instance());
  incarnation_ = hello.incarnation();
  // Before it asks for the names that they have.
  if (incarnation_ != 0) hub_.EndOlderLives(*this);
  if (Status room = account_->CheckSession(); !room.ok()) {
    hub_.OnDenied(caller_, room);
    return Close(room);
  }
  auto owner = hub_.broker().registry().OpenOwner(client_name_);
  if (!owner.ok()) return Break(owner.status());
  owner_ = *owner;
  store_ = std::make_shared<StoreQueue>(*this);
  state_ = State::kConnected;
  ++account_->used.sessions;
  hub_.Add(shared_from_this());
  Grant(hello);
  v1::Welcome* const welcome = outbox_.Add().mutable_welcome();
  TellWelcome(welcome);
  TellFeatures(hello, welcome);
  hub_.Log(registry::LogLevel::kInfo, "session " + std::to_string(id_) + " of \"" + client_name_ +
                                          "\" (" + instance_ + ") opened from " + caller_.peer +
                                          " as " + caller_.identity.ToText());
  Flush();
}

void Session::Break(const Status& status) {
  if (ended()) return;
  hub_.stats.broken_sessions.fetch_add(1, std::memory_order_relaxed);
  hub_.Log(registry::LogLevel::kWarning, "session " + std::to_string(id_) + " of \"" +
                                             client_name_ + "\" from " + caller_.peer +
                                             " is ended: " + Printable(status.ToString()));
  Close(status);
}

void Session::Close(const Status& status) {
  if (ended()) return;
  // Of one that is suspended the hub has the only reference, and drops it.
  const auto self = shared_from_this();
  Peer* const peer = peer_;
  End();
  SayGoodbye(status);
  if (peer != nullptr) peer->Finish(status);
}

void Session::OnClosed() {
  if (state_ != State::kNew && state_ != State::kConnected) return;
  if (grace_ms_ == 0) return OnGoodbye();
  OnLost(Status(Code::kUnavailable, "its connection was lost", "CONNECTION_LOST"));
}

void Session::OnGoodbye() {
  Peer* const peer = peer_;
  hub_.Log(registry::LogLevel::kInfo,
           "session " + std::to_string(id_) + " of \"" + client_name_ + "\" closed by its client");
  End();
  peer->Finish({});
}

void Session::Drain() {
  if (ended()) return;
  // Nobody is there to whom its calls could still be of use.
  if (state_ == State::kSuspended) return Close(ShuttingDown());
  SayGoodbye(ShuttingDown());
  Flush();
  EndIfIdle();
}

void Session::SayGoodbye(const Status& status) {
  if (std::exchange(said_goodbye_, true)) return;
  ToWire(status, outbox_.Add(status.message().size()).mutable_goodbye()->mutable_status());
}

void Session::EndIfIdle() {
  if (state_ != State::kConnected) return;
  if (!waiting_.empty() || !routed_.empty() || !running_.empty() || !store_->idle()) return;
  Close(ShuttingDown());
}

bool Session::RefuseWhileDraining(std::uint64_t request_id) {
  if (!hub_.draining()) return false;
  ReplyStatus(request_id, ShuttingDown());
  return true;
}

bool Session::RefuseUnless(const Status& may, std::uint64_t request_id) {
  if (may.ok()) return false;
  hub_.OnDenied(caller_, may);
  ReplyStatus(request_id, may);
  return true;
}

void Session::End() {
  // Keeps this object until the function returns: the hub drops its reference on the way.
  const auto self = shared_from_this();
  const bool was_open = state_ != State::kNew;
  state_ = State::kEnded;
  peer_ = nullptr;
  timer_.Withdraw();
  if (!was_open) return;
  --account_->used.sessions;

  store_->Stop();
  for (const auto& [number, entry] : table_.entries()) {
    if (entry.kind == WireTable::Kind::kSubscription)
      (void)registry::Registry::Release(entry.handle);
  }
  const auto waiting = std::exchange(waiting_, {});
  const Status caller_gone(Code::kCancelled, "the caller's session has ended");
  for (const auto& [call_id, call] : waiting)
    hub_.Cancel(call.host_call, caller_gone, OnGiveUp::kAskHost);
  for (const auto& [call_id, call] : std::exchange(routed_, {})) call.call->Abandon(caller_gone);
  names_.End();
  for (const auto& [number, entry] : table_.entries()) {
    if (entry.kind == WireTable::Kind::kHosted) hub_.broker().UnbindCallback(entry.handle);
  }
  for (const auto& [number, entry] : table_.entries()) {
    if (entry.kind == WireTable::Kind::kHosted)
      (void)registry::Registry::Unregister(entry.handle, Code::kHostLost);
  }
  RevokeExports();
  // Releases every handle that the session holds.
  (void)registry::Registry::CloseOwner(owner_);
  table_.Clear();

  // Answering may end other sessions, never this one again.
  const auto running = std::exchange(running_, {});
  for (const auto& [call_id, call] : running) {
    const bool was_sent = !TakeBack(call);
    call.call->Finish({HostGone(),
                       was_sent ? registry::Certainty::kSentUnknown : registry::Certainty::kNotSent,
                       {}});
  }
  hub_.Remove(id_);
}

v1::Reply& Session::AddReply(std::uint64_t request_id, std::size_t payload_bytes) {
  v1::Reply& reply = *outbox_.Add(payload_bytes).mutable_reply();
  reply.set_request_id(request_id);
  Flush();
  return reply;
}

void Session::ReplyStatus(std::uint64_t request_id, const Status& status) {
  v1::Reply& reply = AddReply(request_id, status.message().size());
  if (!status.ok()) ToWire(status, reply.mutable_status());
}

SessionView Session::View() const {
  SessionView view;
  view.session_id = id_;
  view.client_name = client_name_;
  view.instance = instance_;
  view.state = state_ == State::kSuspended ? "suspended" : "connected";
  view.peer = caller_.peer;
  view.identity = caller_.identity.ToText();
  view.callbacks = hosted_;
  view.handles = table_.size();
  view.calls_waiting = waiting_.size() + routed_.size();
  view.calls_running = running_.size();
  view.age_ns = hub_.clock().MonotonicNs() - opened_ns_;
  return view;
}

}  // namespace belay::daemon
