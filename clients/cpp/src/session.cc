// Opening, ending, and the caller's half: requests, calls, pings. The host's half is in session_host.cc.
#include "clients/cpp/src/session.h"

#include <unistd.h>

#include <algorithm>
#include <future>
#include <unordered_set>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
// How often calls are looked through for those the broker failed to end, and how long it gets beyond
// the call's own timeout.
constexpr std::uint32_t kSweepMs = 250;
constexpr std::chrono::milliseconds kGrace(500);

std::string DefaultInstance() {
  char host[256] = "localhost";
  gethostname(host, sizeof(host) - 1);
  return std::string(host) + ":" + std::to_string(getpid());
}

Status WithCertainty(Status status, Certainty certainty) {
  status.certainty = certainty;
  return status;
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

std::optional<Session::PendingRequest> Session::TakeRequest(std::uint64_t id) {
  std::scoped_lock lock(mutex_);
  const auto found = requests_.find(id);
  if (found == requests_.end()) return std::nullopt;
  std::optional<PendingRequest> pending(std::move(found->second));
  requests_.erase(found);
  return pending;
}

std::optional<Session::PendingCall> Session::TakeCall(std::uint64_t id) {
  std::scoped_lock lock(mutex_);
  const auto found = calls_.find(id);
  if (found == calls_.end()) return std::nullopt;
  std::optional<PendingCall> pending(std::move(found->second));
  calls_.erase(found);
  if (pending->give_up != Clock::time_point::max()) --timed_calls_;
  return pending;
}

void Session::OnReply(v1::Reply& reply) {
  std::optional<PendingRequest> pending = TakeRequest(reply.request_id());
  if (!pending) return;
  Status status = FromWire(reply.status());
  if (status.ok() && pending->is_damaged) {
    status = Status(Code::kDataLoss, "the broker sent a damaged row block");
  }
  pending->done(status, status.ok() ? &reply : nullptr);
}

void Session::OnRows(const v1::Rows& rows) {
  // Rows and Reply of a request come on this thread, so the request cannot go away meanwhile, except
  // by the session's end, which comes on this thread too. The map may be rehashed, its nodes stay.
  PendingRequest* pending = nullptr;
  {
    std::scoped_lock lock(mutex_);
    const auto found = requests_.find(rows.request_id());
    if (found == requests_.end()) return;
    pending = &found->second;
  }
  if (!pending->rows) return;
  RowReader reader(rows.block());
  Row row;
  while (reader.Next(row)) pending->rows(row);
  pending->is_damaged |= !reader.ok();
}

void Session::OnResult(v1::CallResult& result) {
  std::optional<PendingCall> pending = TakeCall(result.call_id());
  if (!pending) {
    late_results_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  Status status = FromWire(result.status());
  if (status.ok()) {
    pending->done(std::move(*result.mutable_payload()));
  } else {
    pending->done(std::move(status));
  }
}

void Session::OnTimer() {
  std::vector<std::pair<std::uint64_t, PendingCall>> expired;
  bool is_timer_needed = false;
  {
    std::scoped_lock lock(mutex_);
    const Clock::time_point now = Clock::now();
    for (auto& [id, call] : calls_) {
      if (call.give_up <= now) expired.emplace_back(id, std::move(call));
    }
    for (const auto& [id, call] : expired) calls_.erase(id);
    timed_calls_ -= expired.size();
    is_timer_needed = timed_calls_ != 0;
  }
  if (is_timer_needed) stream_.ArmTimer(kSweepMs);
  for (auto& [id, call] : expired) {
    auto operation = std::make_unique<v1::ClientOperation>();
    operation->mutable_cancel()->set_call_id(id);
    (void)stream_.Send(std::move(operation));
    call.done(Status(Code::kDeadlineExceeded,
                     "neither the callback nor the broker answered in time", {},
                     Certainty::kSentUnknown));
  }
}

void Session::OnEnded(const Status& stream_status, std::vector<Operation> unsent) {
  std::unordered_set<std::uint64_t> unsent_ids;
  for (const Operation& operation : unsent) {
    if (operation->has_call()) unsent_ids.insert(operation->call().call_id());
  }
  std::function<void(const Status&)> opened;
  bool is_lost = false;
  Status status;
  decltype(requests_) requests;
  decltype(calls_) calls;
  decltype(pings_) pings;
  decltype(hosted_) hosted;
  decltype(running_) running;
  {
    std::scoped_lock lock(mutex_);
    opened = std::exchange(opened_, nullptr);
    is_lost = !is_closing_;
    if (is_closing_ && !opened) {
      status = Status(Code::kClosed, "this client was closed");
    } else if (goodbye_) {
      status = *goodbye_;
    } else if (stream_status.ok()) {
      status = Status(Code::kUnavailable, "the broker ended the session", kConnectionFailed);
    } else {
      status = stream_status;
    }
    ended_ = status;
    requests.swap(requests_);
    calls.swap(calls_);
    pings.swap(pings_);
    hosted.swap(hosted_);
    running.swap(running_);
    timed_calls_ = 0;
  }
  for (const auto& [id, cancelled] : running) cancelled->store(true, std::memory_order_relaxed);
  for (auto& [id, call] : calls) {
    const bool is_unsent = unsent_ids.contains(id);
    call.done(WithCertainty(status, is_unsent ? Certainty::kNotSent : Certainty::kSentUnknown));
  }
  for (auto& [id, request] : requests) {
    request.done(WithCertainty(status, Certainty::kSentUnknown), nullptr);
  }
  for (auto& [nonce, done] : pings) done(status);
  hosted.clear();
  if (opened) {
    opened(status);
  } else if (is_lost && options_.on_lost) {
    options_.on_lost(status);
  }
}

}  // namespace belay::client
