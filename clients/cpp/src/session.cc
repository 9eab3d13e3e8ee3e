// Opening, closing, and what goes out: requests, calls, pings. What comes back is in session_answers.cc,
// the host's half in session_host.cc.
#include "clients/cpp/src/session.h"

#include <unistd.h>

#include <future>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
// How long the broker gets, beyond a call's own timeout, to end it.
constexpr std::chrono::milliseconds kGrace(500);

std::string DefaultInstance() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

}  // namespace

Session::Session(const std::string& target, ClientOptions options)
    : options_(std::move(options)), stream_(target) {}

Result<std::shared_ptr<Session>> Session::Open(const std::string& target, ClientOptions options) {
  auto session = std::make_shared<Session>(target, std::move(options));
  const auto opened = std::make_shared<std::promise<Status>>();
  std::future<Status> future = opened->get_future();
  session->opened_ = [opened](const Status& status) { opened->set_value(status); };

  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Hello& hello = *operation->mutable_hello();
  hello.set_client_name(session->options_.client_name);
  hello.set_instance(session->options_.instance.empty() ? DefaultInstance()
                                                        : session->options_.instance);
  hello.set_protocol_version(kProtocolVersion);
  (void)session->stream_.Send(std::move(operation));
  session->stream_.Start(session);

  const std::chrono::milliseconds timeout(session->options_.connect_timeout_ms);
  Status status(Code::kUnavailable,
                target + " did not answer within " + std::to_string(timeout.count()) + " ms",
                kConnectionFailed, Certainty::kNotSent);
  if (future.wait_for(timeout) == std::future_status::ready) status = future.get();
  if (status.ok()) return session;
  {
    std::scoped_lock lock(session->mutex_);
    session->is_closing_ = true;  // a session that never stood cannot be lost
  }
  session->stream_.Cancel();
  session->stream_.Join();
  return status;
}

void Session::Close() {
  {
    std::scoped_lock lock(mutex_);
    if (std::exchange(is_closing_, true)) return;
  }
  if (stream_.OnOwnThread()) {
    stream_.Cancel();
  } else {
    stream_.HalfClose();
    if (!stream_.WaitEnded(options_.close_timeout_ms)) stream_.Cancel();
  }
  stream_.Join();
}

void Session::SendRequest(std::uint64_t id, Operation operation, ReplyDone done, RowSink rows) {
  std::optional<Status> ended;
  {
    std::scoped_lock lock(mutex_);
    ended = ended_;
    if (!ended) requests_.emplace(id, PendingRequest{std::move(done), std::move(rows)});
  }
  if (ended) return done(WithCertainty(*ended, Certainty::kNotSent), nullptr);
  if (stream_.Send(std::move(operation))) return;
  // The stream ended just now; if OnEnded() was quicker, it has told already.
  std::optional<PendingRequest> pending = TakeRequest(id);
  if (!pending) return;
  pending->done(
      Status(Code::kUnavailable, "the session is over", kConnectionFailed, Certainty::kNotSent),
      nullptr);
}

Status Session::CheckCall(const std::string& payload) const {
  if (ended_) return WithCertainty(*ended_, Certainty::kNotSent);
  if (max_payload_bytes_ != 0 && payload.size() > max_payload_bytes_) {
    return Status(Code::kInvalidArgument,
                  "the payload has " + std::to_string(payload.size()) +
                      " bytes, the broker takes " + std::to_string(max_payload_bytes_),
                  "PAYLOAD_TOO_LARGE", Certainty::kNotSent);
  }
  if (max_calls_in_flight_ != 0 && calls_.size() >= max_calls_in_flight_) {
    return Status(
        Code::kResourceExhausted,
        std::to_string(calls_.size()) + " calls are unanswered, the broker's bound for a session",
        "CALLS_IN_FLIGHT", Certainty::kNotSent);
  }
  return Status();
}

void Session::SendCall(std::uint64_t handle, std::string payload, InvokeOptions options,
                       CallDone done) {
  const std::uint64_t id = NextId();
  bool is_timer_needed = false;
  Status refused;
  {
    std::scoped_lock lock(mutex_);
    refused = CheckCall(payload);
    if (refused.ok()) {
      PendingCall& pending = calls_[id];
      pending.done = std::move(done);
      if (options.timeout_ms != 0) {
        pending.give_up = Clock::now() + std::chrono::milliseconds(options.timeout_ms) + kGrace;
        is_timer_needed = timed_calls_++ == 0;
      }
    }
  }
  if (!refused.ok()) return done(std::move(refused));
  if (is_timer_needed) stream_.ArmTimer(kSweepMs);

  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Call& call = *operation->mutable_call();
  call.set_call_id(id);
  call.set_handle(handle);
  call.set_payload(std::move(payload));
  call.set_timeout_ms(options.timeout_ms);
  if (!options.trace_id.empty()) call.set_trace_id(std::move(options.trace_id));
  if (stream_.Send(std::move(operation))) return;
  std::optional<PendingCall> pending = TakeCall(id);
  if (!pending) return;
  pending->done(
      Status(Code::kUnavailable, "the session is over", kConnectionFailed, Certainty::kNotSent));
}

void Session::SendPing(std::function<void(Status)> done) {
  const std::uint64_t id = NextId();
  std::optional<Status> ended;
  {
    std::scoped_lock lock(mutex_);
    ended = ended_;
    if (!ended) pings_.emplace(id, done);
  }
  if (ended) return done(*ended);
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_ping()->set_nonce(id);
  (void)stream_.Send(std::move(operation));  // if it fails, OnEnded() tells
}

void Session::ReleaseQuietly(std::uint64_t handle) noexcept {
  try {
    const std::uint64_t id = NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    operation->mutable_release()->set_request_id(id);
    operation->mutable_release()->set_handle(handle);
    SendRequest(id, std::move(operation), [](const Status&, v1::Reply*) {});
  } catch (...) {  // NOLINT(bugprone-empty-catch): no memory; the session's end releases it
  }
}

}  // namespace belay::client
