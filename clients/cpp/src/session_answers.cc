// What comes back to the caller's half of a session, and the end of everything.
#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {

std::optional<Session::PendingRequest> Session::TakeRequest(std::uint64_t id) {
  std::scoped_lock lock(mutex_);
  const auto found = unanswered_.requests.find(id);
  if (found == unanswered_.requests.end()) return std::nullopt;
  std::optional<PendingRequest> pending(std::move(found->second));
  unanswered_.requests.erase(found);
  return pending;
}

std::optional<Session::PendingCall> Session::TakeCall(std::uint64_t id) {
  std::scoped_lock lock(mutex_);
  const auto found = unanswered_.calls.find(id);
  if (found == unanswered_.calls.end()) return std::nullopt;
  std::optional<PendingCall> pending(std::move(found->second));
  unanswered_.calls.erase(found);
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
    const auto found = unanswered_.requests.find(rows.request_id());
    if (found == unanswered_.requests.end()) return;
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
  if (pending->replies != nullptr) TakeReplies(result, pending->replies.get());
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
  std::uint64_t generation = 0;
  {
    std::scoped_lock lock(mutex_);
    generation = recovery_.generation();
    const Clock::time_point now = Clock::now();
    for (auto& [id, call] : unanswered_.calls) {
      if (call.give_up <= now) expired.emplace_back(id, std::move(call));
    }
    for (const auto& [id, call] : expired) unanswered_.calls.erase(id);
    timed_calls_ -= expired.size();
    is_timer_needed = timed_calls_ != 0;
  }
  if (is_timer_needed) stream_.ArmTimer(kSweepMs);
  for (auto& [id, call] : expired) {
    auto operation = std::make_unique<v1::ClientOperation>();
    operation->mutable_cancel()->set_call_id(id);
    (void)stream_.Send(std::move(operation), generation);
    call.done(Status(Code::kDeadlineExceeded,
                     "neither the callback nor the broker answered in time", {},
                     Certainty::kSentUnknown));
  }
}

void Session::Fail(Unanswered unanswered, const std::vector<Operation>& never_sent,
                   const Status& status) {
  std::unordered_set<std::uint64_t> never_sent_ids;
  for (const Operation& operation : never_sent) never_sent_ids.insert(IdOf(*operation));
  const auto with_certainty = [&](std::uint64_t id) {
    return WithCertainty(
        status, never_sent_ids.contains(id) ? Certainty::kNotSent : Certainty::kSentUnknown);
  };
  for (const auto& [id, cancelled] : unanswered.running)
    cancelled->store(true, std::memory_order_relaxed);
  for (auto& [id, call] : unanswered.calls) call.done(with_certainty(id));
  for (auto& [id, request] : unanswered.requests) request.done(with_certainty(id), nullptr);
  for (auto& [nonce, done] : unanswered.pings) done(status);
}

void Session::OnEnded(const Status& stream_status, std::vector<Operation> never_sent) {
  std::function<void(const Status&)> opened;
  bool is_lost = false;
  Status status;
  Unanswered unanswered;
  Recovery recovery;
  std::unordered_map<std::uint64_t, std::shared_ptr<const NameListener>> name_listeners;
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
    unanswered = std::exchange(unanswered_, {});
    recovery = std::exchange(recovery_, {});
    name_listeners = std::exchange(name_listeners_, {});
    std::ranges::move(TakeHeld(), std::back_inserter(never_sent));
    timed_calls_ = 0;
  }
  recovery = {};
  auto hosted = std::exchange(unanswered.hosted, {});
  Fail(std::move(unanswered), never_sent, status);
  hosted.clear();
  if (opened) {
    opened(status);
  } else if (is_lost && options_.on_lost) {
    options_.on_lost(status);
  }
}

}  // namespace belay::client
