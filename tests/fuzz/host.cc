#include "tests/fuzz/host.h"

#include <chrono>
#include <utility>

#include "tests/fuzz/world.h"

namespace belay::fuzz {
namespace {

constexpr std::chrono::milliseconds kPatience{2};

}  // namespace

Host::~Host() {
  if (!helper_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stopping_.notify_one();
  helper_.join();
}

void Host::Serve(belay_handle queue) {
  const std::lock_guard lock(mutex_);
  queues_.push_back(queue);
  if (!helper_.joinable()) helper_ = std::thread(&Host::Help, this);
}

void Host::Help() {
  std::uint64_t seen = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, kPatience, [this] { return is_stopping_; })) {
    const std::uint64_t now = progress_.load(std::memory_order_relaxed);
    if (std::exchange(seen, now) != now) continue;
    const std::vector<belay_handle> queues = queues_;
    lock.unlock();
    std::uint64_t count = 0;
    for (const belay_handle queue : queues) belay_queue_run(queue, 64, 0, &count);
    lock.lock();
  }
}

belay_status Host::Run(Event& event) {
  if (std::exchange(event.has_run, true)) return BELAY_OK;
  const belay_work& work = event.work;
  switch (work.kind) {
    case BELAY_WORK_CALL: try { return work.callback(work.context, work.call);
      } catch (...) {
        return BELAY_CALLBACK_FAILED;
      }
    case BELAY_WORK_RELEASE: try { work.release(work.context);
      } catch (const std::exception&) {
        return BELAY_OK;
      }
      return BELAY_OK;
    case BELAY_WORK_COMPLETION:
      if (work.tag != 0) Due::Completed(reinterpret_cast<Due*>(work.tag), work.outcome);
      return BELAY_OK;
    default: Violation("R10", "a queue handed out an event of no kind");
  }
}

void Host::FinishAll() {
  // What runs may poll more.
  while (!events.empty()) {
    Event event = events.back();
    events.pop_back();
    if (event.work.kind != BELAY_WORK_CALL) Run(event);
    belay_result result{};
    result.struct_size = sizeof result;
    result.status = BELAY_ABORTED;
    result.id = event.work.id;
    belay_queue_finish(event.queue, &result, 1);
  }
}

}  // namespace belay::fuzz
