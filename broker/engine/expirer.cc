#include "broker/engine/expirer.h"

#include <algorithm>
#include <chrono>
#include <system_error>
#include <utility>

namespace belay::engine {
namespace {

constexpr std::int64_t kLongestSleepMs = 1'000;

}  // namespace

void Expirer::Begin() {
  const auto next_ms = store_.ExpireDue(0);  // deletes nothing: tells when the first one is due
  if (next_ms.ok() && *next_ms != 0) Expect(*next_ms);
}

void Expirer::Expect(std::int64_t at_ms) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (next_ms_ == 0 || at_ms < next_ms_) {
    next_ms_ = at_ms;
    wake_.notify_one();
  }
  if (thread_.joinable()) return;
  try {
    thread_ = std::thread([this] { Run(); });
  } catch (const std::system_error&) {
    // The next key that is written with an expiry tries again.
    if (log_) log_(registry::LogLevel::kWarning, "keys do not expire: no thread can be started");
  }
}

void Expirer::Stop() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
    thread = std::move(thread_);
  }
  if (!thread.joinable()) return;
  // A commit of its own tells the store's listener only, never user code, so it does not end here.
  thread.join();
}

void Expirer::Run() {
  std::unique_lock lock(mutex_);
  bool failed = false;
  while (!stopping_) {
    const std::int64_t now_ms = NowMs();
    if (next_ms_ == 0) {
      wake_.wait(lock);
      continue;
    }
    if (next_ms_ > now_ms) {
      wake_.wait_for(lock, std::chrono::milliseconds(std::min(next_ms_ - now_ms, kLongestSleepMs)));
      continue;
    }
    next_ms_ = 0;
    lock.unlock();
    const auto next_ms = store_.ExpireDue(now_ms);
    if (!next_ms.ok() && !failed && log_) {
      log_(registry::LogLevel::kWarning, "keys do not expire: " + next_ms.status().ToString());
    }
    failed = !next_ms.ok();
    lock.lock();
    const std::int64_t again_ms = next_ms.ok() ? *next_ms : now_ms + kLongestSleepMs;
    if (again_ms != 0 && (next_ms_ == 0 || again_ms < next_ms_)) next_ms_ = again_ms;
  }
}

}  // namespace belay::engine
