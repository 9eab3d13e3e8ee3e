// Outcomes as C sees them, and those that wait in a queue for its host.
//
// Thread safety: none of its own.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "belay/belay.h"
#include "broker/registry/executor_objects.h"

namespace belay::capi {

// Points into `outcome`. Reasons are literals, and so are NUL-terminated.
inline belay_outcome ViewOf(const registry::Outcome& outcome) noexcept {
  belay_outcome view{};
  view.struct_size = sizeof view;
  view.status = static_cast<belay_status>(outcome.status.code());
  view.certainty =
      outcome.status.ok() ? BELAY_CERTAINTY_NONE : static_cast<std::int32_t>(outcome.certainty);
  view.reason = outcome.status.reason().data();
  view.message = outcome.status.message().c_str();
  view.reply = outcome.reply.data();
  view.reply_size = outcome.reply.size();
  return view;
}

// User code: no lock may be held. One that throws has run (R9): there is nobody to tell.
inline void RunCompletion(belay_completion_fn run, void* context,
                          const belay_outcome& outcome) noexcept {
  try {
    run(context, &outcome);
  } catch (...) {  // NOLINT(bugprone-empty-catch)
  }
}

// The end of a submitted call, on its way through a queue.
//
// Made when the call is submitted, so that its end needs no memory. Owns itself from Deliver() on.
class QueuedCompletion final : public registry::Completion {
 public:
  QueuedCompletion(const belay_completion& wish, registry::ExecutorRef queue)
      : run_(wish.run), context_(wish.context), tag_(wish.tag), queue_(std::move(queue)) {}

  void Deliver(registry::Outcome outcome) noexcept {
    outcome_ = std::move(outcome);
    view_ = ViewOf(outcome_);
    // Once queued it may be gone, and with it what keeps the queue.
    const registry::ExecutorRef queue = queue_;
    if (!queue.executor->EnqueueRelease(this)) Run();
  }

  std::uint64_t tag() const noexcept { return tag_; }
  const belay_outcome* view() const noexcept { return &view_; }

  void Run() noexcept override {
    const std::unique_ptr<QueuedCompletion> self(this);
    if (run_ != nullptr) RunCompletion(run_, context_, view_);
  }
  void Refuse(const base::Status&) noexcept override { Run(); }
  void Drop() noexcept override { delete this; }

 private:
  const belay_completion_fn run_;
  void* const context_;
  const std::uint64_t tag_;
  const registry::ExecutorRef queue_;
  registry::Outcome outcome_;
  belay_outcome view_{};
};

}  // namespace belay::capi
