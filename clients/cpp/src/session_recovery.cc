// What becomes of a session when its connection is lost: whether it goes on over the next, gives way to a new one, or
// ends; and how the new one gets back what the last one had.
#include <algorithm>
#include <iterator>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

// Of a connection that broke, or was ended by a broker that had nothing to object to.
bool IsConnectionLoss(Code code) {
  return code == Code::kOk || code == Code::kUnavailable || code == Code::kCancelled ||
         code == Code::kUnknown || code == Code::kDeadlineExceeded;
}

}  // namespace

void Session::Tell(SessionEvent event) const {
  if (options_.on_event) options_.on_event(event);
}

AfterLoss Session::OnLost(const Status& status) {
  bool has_session = stream_.CanResume();
  {
    std::scoped_lock lock(mutex_);
    if (is_closing_ || opened_ || !outlives()) return AfterLoss::kEnd;
    if (goodbye_) {
      // What it refuses for our own fault it would refuse again.
      if (goodbye_->code != Code::kStaleEpoch && goodbye_->code != Code::kUnavailable)
        return AfterLoss::kEnd;
      has_session = false;
    } else if (!IsConnectionLoss(status.code)) {
      return AfterLoss::kEnd;
    }
    const std::chrono::milliseconds timeout(options_.reconnect_timeout_ms);
    if (lost_since_ && Clock::now() - *lost_since_ >= timeout) return AfterLoss::kEnd;
    goodbye_.reset();
    is_down_ = true;
  }
  if (!lost_since_) {
    lost_since_ = Clock::now();
    Tell({SessionEvent::Kind::kDisconnected, status, 0});
  }
  // One that was renewed, and never welcomed, has nothing yet that could be over.
  return has_session || is_fresh_ ? AfterLoss::kResume : AfterLoss::kRenew;
}

void Session::OnRenewed(const Status&, std::vector<Operation> never_sent,
                        std::uint64_t generation) {
  is_fresh_ = true;
  Unanswered unanswered;
  {
    std::scoped_lock lock(mutex_);
    recovery_.Begin(generation);
    is_renewing_ = true;
    unanswered = std::exchange(unanswered_, {});
    std::ranges::move(TakeHeld(), std::back_inserter(never_sent));
    timed_calls_ = 0;
  }
  // Those that are to be put back stay: Recovery has them as well.
  unanswered.hosted.clear();
  Fail(std::move(unanswered), never_sent,
       Status(Code::kUnavailable, "the session was lost with its connection", kConnectionFailed));
}

void Session::OnWelcome(const v1::Welcome& welcome) {
  session_id_.store(welcome.session_id(), std::memory_order_relaxed);
  epoch_.store(welcome.epoch(), std::memory_order_relaxed);
  backoff_.Reset();
  lost_since_.reset();
  is_fresh_ = false;
  std::function<void(const Status&)> opened;
  bool is_renewing = false;
  {
    std::scoped_lock lock(mutex_);
    is_down_ = false;
    is_renewing = is_renewing_;
    opened = std::exchange(opened_, nullptr);
    if (opened) {
      max_payload_bytes_ = welcome.limits().max_payload_bytes();
      max_calls_in_flight_ = welcome.limits().max_calls_in_flight();
    }
  }
  if (opened) return opened(Status());
  if (welcome.resumed()) return Tell({SessionEvent::Kind::kResumed, Status(), 0});
  if (is_renewing) PutBack();
}

// Callbacks first, as hooks name them.
void Session::PutBack() {
  std::vector<std::pair<std::uint64_t, v1::Register>> again;
  {
    std::scoped_lock lock(mutex_);
    for (const auto& [handle, registration] : recovery_.registrations())
      again.emplace_back(handle, registration.request);
  }
  if (again.empty()) return PutBackHooks();
  puts_awaited_ = again.size();
  for (auto& [handle, request] : again) {
    auto operation = std::make_unique<v1::ClientOperation>();
    *operation->mutable_register_() = std::move(request);
    const std::uint64_t id = NextId();
    operation->mutable_register_()->set_request_id(id);
    SendPutBack(handle, id, std::move(operation), &Session::OnRegisteredAgain);
  }
}

// Its answer comes on this thread, as the end of the session does, and then it finds another generation.
void Session::SendPutBack(std::uint64_t handle, std::uint64_t id, Operation operation,
                          void (Session::*next)(std::uint64_t, const Status&, const v1::Reply*)) {
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    generation = recovery_.generation();
    const auto done = [this, handle, generation, next](const Status& status, v1::Reply* reply) {
      {
        std::scoped_lock inner(mutex_);
        if (ended_ || generation != recovery_.generation()) return;
      }
      (this->*next)(handle, status, reply);
    };
    unanswered_.requests.emplace(id, PendingRequest{done, {}});
  }
  (void)stream_.Send(std::move(operation), generation);
}

void Session::OnRegisteredAgain(std::uint64_t handle, const Status& status,
                                const v1::Reply* reply) {
  if (reply == nullptr) {
    NotPutBack(handle, status);
  } else {
    std::scoped_lock lock(mutex_);
    recovery_.PutBack(handle, reply->handle());
    const auto found = recovery_.registrations().find(handle);
    unanswered_.hosted.emplace(reply->handle(), Offered{found->second.hosted, handle});
  }
  if (--puts_awaited_ == 0) PutBackHooks();
}

void Session::PutBackHooks() {
  std::vector<std::pair<std::uint64_t, Operation>> again;
  std::vector<std::uint64_t> orphans;
  {
    std::scoped_lock lock(mutex_);
    for (const auto& [handle, attachment] : recovery_.attachments()) {
      auto operation = std::make_unique<v1::ClientOperation>(attachment);
      if (recovery_.Translate(operation.get())) {
        again.emplace_back(handle, std::move(operation));
      } else {
        orphans.push_back(handle);
      }
    }
  }
  for (const std::uint64_t handle : orphans) NotPutBack(handle, SessionIsOver());
  if (again.empty()) return FinishRenewal();
  puts_awaited_ = again.size();
  for (auto& [handle, operation] : again) {
    const std::uint64_t id = NextId();
    SetIdOfPutBack(operation.get(), id);
    SendPutBack(handle, id, std::move(operation), &Session::OnAttachedAgain);
  }
}

void Session::OnAttachedAgain(std::uint64_t handle, const Status& status, const v1::Reply* reply) {
  if (reply == nullptr) {
    NotPutBack(handle, status);
  } else {
    std::scoped_lock lock(mutex_);
    recovery_.PutBack(handle, reply->handle());
  }
  if (--puts_awaited_ == 0) FinishRenewal();
}

void Session::NotPutBack(std::uint64_t handle, const Status& status) {
  std::shared_ptr<Hosted> closure;  // goes outside the lock
  DropNameListener(handle);
  {
    std::scoped_lock lock(mutex_);
    const auto found = recovery_.registrations().find(handle);
    if (found != recovery_.registrations().end()) closure = found->second.hosted;
    recovery_.Forget(handle);
  }
  closure.reset();
  Tell({SessionEvent::Kind::kNotPutBack, status, handle});
}

// What was held goes out in its order, before anything that is asked for from now on.
void Session::FinishRenewal() {
  std::vector<std::uint64_t> of_the_last;
  {
    std::scoped_lock lock(mutex_);
    is_renewing_ = false;
    for (Operation& operation : TakeHeld()) {
      const std::uint64_t id = IdOf(*operation);
      std::uint64_t generation = 0;
      if (!Prepare(&operation, &generation).ok()) {
        of_the_last.push_back(id);
      } else {
        (void)stream_.Send(std::move(operation), generation);
      }
    }
  }
  for (const std::uint64_t id : of_the_last) {
    if (auto call = TakeCall(id)) call->done(SessionIsOver());
    if (auto request = TakeRequest(id)) request->done(SessionIsOver(), nullptr);
  }
  Tell({SessionEvent::Kind::kRenewed, Status(), 0});
}

}  // namespace belay::client
