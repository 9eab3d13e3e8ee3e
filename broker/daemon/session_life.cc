// How a session outlives its connection (W3): what its Hello is granted, lease and grace, and coming back.
//
// Whoever comes back is told how far the session has got with the client's operations, and says how far the
// client has got with the session's, both as the ack of the first frame. What is beyond is sent again,
// with the numbers that it had; a number that has been applied is dropped. So each operation has its effect
// once, in either direction.
#include <algorithm>
#include <array>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::string Ms(std::uint32_t duration_ms) { return std::to_string(duration_ms) + " ms"; }

}  // namespace

// None of them may grow beyond what the broker bears.
void Session::GrantLimits(const v1::Limits& wishes) {
  const auto lower = [](std::uint32_t& limit, std::uint32_t wish) {
    if (wish != 0) limit = std::min(limit, wish);
  };
  lower(limits_.max_payload_bytes, wishes.max_payload_bytes());
  lower(limits_.max_calls_in_flight, wishes.max_calls_in_flight());
  lower(limits_.max_handles, wishes.max_handles());
  lower(limits_.max_snapshots, wishes.max_snapshots());
  lower(limits_.max_store_requests, wishes.max_store_requests());
  lower(limits_.max_exports, wishes.max_exports());
}

void Session::TellFeatures(const v1::Hello& hello, v1::Welcome* welcome) {
  constexpr std::array<std::string_view, 4> kFeatures = {"callee-errors", "names", "routes",
                                                         "tokens"};
  for (const std::string& wanted : hello.features()) {
    if (std::ranges::find(kFeatures, wanted) != kFeatures.end()) welcome->add_features(wanted);
  }
}

void Session::Grant(const v1::Hello& hello) {
  GrantLimits(hello.limits());
  const Limits& limits = hub_.limits();
  const auto at_most = [](std::uint32_t wanted_ms, std::int64_t bound_ms) {
    return static_cast<std::uint32_t>(std::min<std::int64_t>(wanted_ms, bound_ms));
  };
  grace_ms_ = at_most(hello.grace_ms(), limits.session_grace_ms);
  lease_ms_ = at_most(hello.lease_ms(), limits.session_lease_ms);
  if (grace_ms_ != 0) {
    token_ = ResumeToken::Make(hub_.epoch(), id_);
    outbox_.KeepUntilAcked();
  }
  StartLease();
}

void Session::TellWelcome(v1::Welcome* welcome) const {
  const Limits& limits = limits_;
  welcome->set_session_id(id_);
  welcome->set_protocol_version(kProtocolVersion);
  welcome->set_epoch(hub_.epoch());
  if (token_) welcome->set_resume_token(token_->ToText());
  welcome->set_grace_ms(grace_ms_);
  welcome->set_lease_ms(lease_ms_);
  v1::Limits& wire = *welcome->mutable_limits();
  wire.set_max_frame_bytes(limits.max_frame_bytes);
  wire.set_max_payload_bytes(limits.max_payload_bytes);
  wire.set_max_calls_in_flight(limits.max_calls_in_flight);
  wire.set_max_handles(limits.max_handles);
  wire.set_max_snapshots(limits.max_snapshots);
  wire.set_max_store_requests(limits.max_store_requests);
  wire.set_max_exports(limits.max_exports);
}

void Session::Flush() {
  if (peer_ != nullptr) peer_->WantsFlush();
  if (ended()) return;
  // While connected what is not yet sent is held back by other means: reading pauses, calls are refused.
  const std::size_t held_bytes =
      outbox_.kept_bytes() + (state_ == State::kSuspended ? outbox_.queued_bytes() : 0);
  if (grace_ms_ == 0 || held_bytes <= hub_.limits().max_unacked_bytes) return;
  // Not here: whoever added the operation has yet to fill it in.
  if (!std::exchange(is_overflowing_, true)) SetTimer(hub_.clock().MonotonicNs());
}

void Session::SetTimer(std::int64_t at_ns) {
  timer_.Withdraw();
  hub_.deadlines.Set(timer_, at_ns);
}

void Session::StartLease() {
  if (lease_ms_ == 0) return;
  heard_ns_ = hub_.clock().MonotonicNs();
  SetTimer(heard_ns_ + lease_ms_ * kNsPerMs);
}

void Session::OnTimer() {
  if (is_overflowing_) {
    return Close(Status(Code::kResourceExhausted,
                        "more than max_unacked_bytes, " +
                            std::to_string(hub_.limits().max_unacked_bytes) +
                            ", wait for the client's acknowledgement",
                        "TOO_MUCH_UNACKED"));
  }
  if (state_ == State::kSuspended) {
    hub_.Log(registry::LogLevel::kWarning, "session " + std::to_string(id_) + " of \"" +
                                               client_name_ + "\" was not resumed within " +
                                               Ms(grace_ms_) + " and is ended");
    return Close(Status(Code::kUnavailable, "the session was not resumed in time", "GRACE_OVER"));
  }
  // Frames do not move the timer, which is cheaper: it moves itself.
  const std::int64_t over_ns = heard_ns_ + lease_ms_ * kNsPerMs;
  if (hub_.clock().MonotonicNs() < over_ns) return SetTimer(over_ns);
  OnLost(Status(Code::kUnavailable, "nothing was heard from the client for " + Ms(lease_ms_),
                "LEASE_OVER"));
}

void Session::OnLost(const Status& why) {
  // One that the broker is about to end anyway does not wait for anybody.
  if (grace_ms_ == 0 || hub_.draining()) {
    hub_.Log(registry::LogLevel::kInfo, "session " + std::to_string(id_) + " of \"" + client_name_ +
                                            "\" is ended: " + why.message());
    Peer* const peer = peer_;
    End();
    return peer->Finish(why);
  }
  state_ = State::kSuspended;
  SetTimer(hub_.clock().MonotonicNs() + grace_ms_ * kNsPerMs);
  hub_.Log(registry::LogLevel::kInfo, "session " + std::to_string(id_) + " of \"" + client_name_ +
                                          "\" is suspended for up to " + Ms(grace_ms_) + ": " +
                                          why.message());
  std::exchange(peer_, nullptr)->Drop(why);
}

bool Session::IsResume(const v1::ClientFrame& frame) {
  return frame.operations_size() != 0 && !frame.operations(0).hello().resume_token().empty();
}

// On the session that was made for the new stream, which makes way for the one that is meant.
void Session::OnResume(const v1::ClientFrame& frame) {
  if (hub_.draining()) return Close(ShuttingDown());
  const auto token = ResumeToken::Parse(frame.operations(0).hello().resume_token());
  if (!token || token->epoch() != hub_.epoch()) {
    return RefuseResume(
        Status(Code::kStaleEpoch,
               "this resume_token is of another start of the broker: begin a new session "
               "and register again"));
  }
  // Whether it never was, has ended or is somebody else's is not told.
  const std::shared_ptr<Session> session = hub_.Find(token->session_id());
  if (session == nullptr || !session->token_ || !session->token_->Equals(*token) ||
      session->caller_.identity != caller_.identity) {
    return RefuseResume(
        Status(Code::kStaleEpoch,
               "this resume_token is of no session that there is: begin a new one and "
               "register again",
               "SESSION_EXPIRED"));
  }
  if (frame.operations_size() != 1 || frame.first_sequence() != 0 ||
      frame.ack() > session->outbox_.sent()) {
    return Break(Status(Code::kInvalidArgument,
                        "a resuming Hello must be alone in its frame, with first_sequence 0 and "
                        "the ack of what was received in the session, " +
                            std::to_string(session->outbox_.sent()) + " at most",
                        "BAD_RESUME"));
  }
  const auto self = shared_from_this();
  state_ = State::kEnded;
  Peer* const peer = std::exchange(peer_, nullptr);
  peer->MoveTo(session);
  session->Reconnect(peer, std::move(caller_), frame.ack());
}

void Session::RefuseResume(const Status& why) {
  hub_.Log(registry::LogLevel::kInfo,
           "a client at " + caller_.peer + " could not resume: " + why.ToString());
  Close(why);
}

void Session::Reconnect(Peer* peer, Caller caller, std::uint64_t ack) {
  // The client knows better than we do whether the last connection is still of use.
  if (peer_ != nullptr) {
    peer_->Drop(Status(Code::kAborted, "the session goes on over another connection", "RESUMED"));
  }
  peer_ = peer;
  caller_ = std::move(caller);
  state_ = State::kConnected;
  timer_.Withdraw();
  is_overflowing_ = false;
  outbox_.OnAck(ack);
  v1::Welcome& welcome = *outbox_.Rewind().mutable_welcome();
  TellWelcome(&welcome);
  welcome.set_resumed(true);
  StartLease();
  hub_.Log(registry::LogLevel::kInfo, "session " + std::to_string(id_) + " of \"" + client_name_ +
                                          "\" is resumed from " + caller_.peer);
  Flush();
}

bool Session::IsOlderLifeOf(const Session& newer) const {
  return incarnation_ != 0 && incarnation_ < newer.incarnation_ &&
         client_name_ == newer.client_name_ && instance_ == newer.instance_ &&
         caller_.identity == newer.caller_.identity;
}

void Session::OnAccessChanged() {
  auto permissions = hub_.access().PermissionsOf(caller_.identity);
  if (permissions) {
    caller_.permissions = std::move(*permissions);
    account_->Use(caller_.permissions);
    return;
  }
  Close(Status(Code::kUnauthenticated,
               "the token \"" + caller_.identity.name + "\" is no longer one of this broker's",
               "UNKNOWN_TOKEN"));
}

}  // namespace belay::daemon
