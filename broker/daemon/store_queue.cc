#include "broker/daemon/store_queue.h"

#include <asio/post.hpp>
#include <utility>

#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Code;
using base::Status;

StoreQueue::StoreQueue(Session& session)
    : hub_(session.hub()),
      session_(&session),
      turns_(asio::make_strand(hub_.store_workers.get_executor())),
      waiting_writes_(asio::make_strand(hub_.hook_workers.get_executor())) {}

Status StoreQueue::CheckRoom() const {
  const std::uint32_t most = session_->limits().max_store_requests;
  if (unanswered_ < most) return {};
  return Status(Code::kResourceExhausted,
                std::to_string(unanswered_) +
                    " store requests are unanswered, max_store_requests is " + std::to_string(most),
                "TOO_MANY_STORE_REQUESTS");
}

void StoreQueue::Submit(Task task) {
  ++unanswered_;
  auto shared = std::make_shared<Task>(std::move(task));
  asio::post(turns_,
             [self = shared_from_this(), task = std::move(shared)] { self->TakeTurn(task); });
}

void StoreQueue::SubmitScan(std::function<void()> open) {
  ++unanswered_;
  asio::post(turns_, std::move(open));
}

void StoreQueue::TakeTurn(const std::shared_ptr<Task>& task) {
  if (stopped()) return;
  const bool follows_writes = task->asks_callback != nullptr;
  if (!follows_writes ||
      (writes_beside_.load(std::memory_order_acquire) == 0 && !task->asks_callback())) {
    return Finish(task->run());
  }
  writes_beside_.fetch_add(1, std::memory_order_relaxed);
  asio::post(waiting_writes_, [self = shared_from_this(), task] {
    if (!self->stopped()) self->Finish(task->run());
    self->writes_beside_.fetch_sub(1, std::memory_order_release);
  });
}

void StoreQueue::Stop() {
  session_ = nullptr;
  stopped_.store(true, std::memory_order_relaxed);
}

void StoreQueue::Deliver(StoreAnswer answer) {
  hub_.inbox.Post([self = shared_from_this(), answer = std::move(answer)] {
    if (self->session_ != nullptr) answer(*self->session_);
  });
}

void StoreQueue::Finish(StoreAnswer answer) {
  Deliver([self = shared_from_this(), answer = std::move(answer)](Session& session) {
    --self->unanswered_;
    answer(session);
    session.AfterAnswer();
  });
}

}  // namespace belay::daemon
