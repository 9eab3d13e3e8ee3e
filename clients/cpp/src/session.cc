// Opening, closing, and what goes out: requests, calls, pings. What comes back is in session_answers.cc,
// the host's half in session_host.cc.
#include "clients/cpp/src/session.h"

#include <unistd.h>

#include <chrono>
#include <future>
#include <random>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
// What sessions that may break without anybody's death ask for.
constexpr std::uint32_t kGraceMs = 30'000;
constexpr std::uint32_t kLeaseMs = 15'000;
// How long the broker gets, beyond a call's own timeout, to end it.
constexpr std::chrono::milliseconds kGrace(500);

std::string DefaultInstance() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

// The same for all clients of a process, which so do not take over from one another.
std::uint64_t ProcessIncarnation() {
  using std::chrono::system_clock;
  static const auto begun = system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(begun).count());
}

v1::Hello MakeHello(const std::string& target, const ClientOptions& options) {
  v1::Hello hello;
  hello.set_client_name(options.client_name);
  hello.set_instance(options.instance.empty() ? DefaultInstance() : options.instance);
  hello.set_protocol_version(kProtocolVersion);
  hello.set_incarnation(options.incarnation != 0 ? options.incarnation : ProcessIncarnation());
  if (options.session_life == SessionLife::kOutlivesConnections) {
    const bool is_local = target.starts_with("unix:");
    hello.set_grace_ms(options.grace_ms.value_or(is_local ? 0 : kGraceMs));
    hello.set_lease_ms(options.lease_ms.value_or(is_local ? 0 : kLeaseMs));
  }
  return hello;
}

}  // namespace

Session::Session(const std::string& target, ClientOptions options)
    : options_(std::move(options)),
      stream_(target, MakeHello(target, options_), options_.token),
      backoff_(std::random_device()()) {}

Result<std::shared_ptr<Session>> Session::Open(const std::string& target, ClientOptions options) {
  auto session = std::make_shared<Session>(target, std::move(options));
  const auto opened = std::make_shared<std::promise<Status>>();
  std::future<Status> future = opened->get_future();
  session->opened_ = [opened](const Status& status) { opened->set_value(status); };

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
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    if (std::exchange(is_closing_, true)) return;
    generation = recovery_.generation();
  }
  if (stream_.OnOwnThread()) {
    stream_.Cancel();
  } else {
    if (outlives()) {
      // Else the broker would take the end of the connection for its loss.
      auto operation = std::make_unique<v1::ClientOperation>();
      operation->mutable_goodbye();
      (void)stream_.Send(std::move(operation), generation);
    }
    stream_.HalfClose();
    if (!stream_.WaitEnded(options_.close_timeout_ms)) stream_.Cancel();
  }
  stream_.Join();
}

Status Session::CheckRoom() const {
  if (ended_) return WithCertainty(*ended_, Certainty::kNotSent);
  const std::size_t waiting_bytes = held_bytes_ + (is_down_ ? stream_.WaitingBytes() : 0);
  if (waiting_bytes <= options_.max_waiting_bytes) return Status();
  return Status(Code::kResourceExhausted,
                "the connection is lost, and more than max_waiting_bytes, " +
                    std::to_string(options_.max_waiting_bytes) + ", wait for the next",
                "TOO_MUCH_WAITING", Certainty::kNotSent);
}

// REQUIRES: mutex_ held
std::vector<Operation> Session::TakeHeld() {
  held_bytes_ = 0;
  return std::exchange(held_, {});
}

Status Session::Prepare(Operation* operation, std::uint64_t* generation) {
  *generation = recovery_.generation();
  if (is_renewing_) {
    held_bytes_ += (*operation)->ByteSizeLong();
    held_.push_back(std::move(*operation));
    return Status();
  }
  const std::uint64_t let_go = LetGoBy(**operation);
  if (!recovery_.Translate(operation->get())) return SessionIsOver();
  if (let_go != 0) recovery_.Forget(let_go);
  return Status();
}

void Session::SendRequest(std::uint64_t id, Operation operation, ReplyDone done, RowSink rows) {
  if (operation->has_release()) DropNameListener(operation->release().handle());
  done = KeepHook(*operation, std::move(done));
  Status refused;
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    refused = CheckRoom();
    if (refused.ok()) refused = Prepare(&operation, &generation);
    if (refused.ok())
      unanswered_.requests.emplace(id, PendingRequest{std::move(done), std::move(rows)});
  }
  if (!refused.ok()) return done(refused, nullptr);
  if (operation == nullptr || stream_.Send(std::move(operation), generation)) return;
  // The session ended just now; if OnEnded() was quicker, it has told already.
  std::optional<PendingRequest> pending = TakeRequest(id);
  if (pending) pending->done(JustEnded(), nullptr);
}

Status Session::CheckCall(const std::string& payload) const {
  if (Status room = CheckRoom(); !room.ok()) return room;
  if (max_payload_bytes_ != 0 && payload.size() > max_payload_bytes_) {
    return Status(Code::kInvalidArgument,
                  "the payload has " + std::to_string(payload.size()) +
                      " bytes, the broker takes " + std::to_string(max_payload_bytes_),
                  "PAYLOAD_TOO_LARGE", Certainty::kNotSent);
  }
  if (max_calls_in_flight_ != 0 && unanswered_.calls.size() >= max_calls_in_flight_) {
    return Status(Code::kResourceExhausted,
                  std::to_string(unanswered_.calls.size()) +
                      " calls are unanswered, the broker's bound for a session",
                  "CALLS_IN_FLIGHT", Certainty::kNotSent);
  }
  return Status();
}

std::uint64_t Session::SendCall(std::uint64_t handle, std::string payload, InvokeOptions options,
                                CallDone done, std::shared_ptr<std::vector<MemberReply>> replies) {
  const std::uint64_t id = NextId();
  const std::uint32_t timeout_ms = options.timeout_ms;
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Call& call = *operation->mutable_call();
  FillCall(&call, id, handle, std::move(options));
  bool is_timer_needed = false;
  Status refused;
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    refused = CheckCall(payload);
    call.set_payload(std::move(payload));
    if (refused.ok()) refused = Prepare(&operation, &generation);
    if (refused.ok()) {
      PendingCall& pending = unanswered_.calls[id];
      pending.done = std::move(done);
      pending.replies = std::move(replies);
      if (timeout_ms != 0) {
        pending.give_up = Clock::now() + std::chrono::milliseconds(timeout_ms) + kGrace;
        is_timer_needed = timed_calls_++ == 0;
      }
    }
  }
  if (!refused.ok()) {
    done(std::move(refused));
    return id;
  }
  if (is_timer_needed) stream_.ArmTimer(kSweepMs);
  if (operation == nullptr || stream_.Send(std::move(operation), generation)) return id;
  std::optional<PendingCall> pending = TakeCall(id);
  if (pending) pending->done(JustEnded());
  return id;
}

void Session::SendPing(std::function<void(Status)> done) {
  const std::uint64_t id = NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_ping()->set_nonce(id);
  std::optional<Status> ended;
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    ended = ended_;
    if (!ended) {
      unanswered_.pings.emplace(id, done);
      (void)Prepare(&operation, &generation);  // names no handle
    }
  }
  if (ended) return done(*ended);
  // If it fails, the end of that session tells.
  if (operation != nullptr) (void)stream_.Send(std::move(operation), generation);
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
