// The host of a program's queues: what it was handed and has not finished, and a thread that helps out.
//
// The program polls and finishes when it comes to it. It would wait for ever where only a poll ends the wait:
// in an invoke of a callback on a queue, in a scan with such a filter. So a thread runs what is queued, but only
// when the program has not moved for a while.
//
// Thread safety: everything but Progress() belongs to the program's thread; the helper has `queues_` only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "belay/belay.h"

namespace belay::fuzz {

class Host {
 public:
  // One event that a queue handed out, and that must be finished once.
  struct Event {
    belay_handle queue;
    belay_work work;
    bool has_run;
  };

  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host();

  // Has the helper look after `queue`.
  void Serve(belay_handle queue);
  // The program moves.
  void Progress() noexcept { progress_.fetch_add(1, std::memory_order_relaxed); }
  // Does what the event asks for, unless that was done. What the callback of a call returned; else BELAY_OK.
  static belay_status Run(Event& event);
  // Finishes all that is left, calls without having been run.
  void FinishAll();

  std::vector<Event> events;         // handed out and not finished
  std::vector<std::uint64_t> calls;  // ids of submitted calls, ended or not

 private:
  void Help();

  std::atomic<std::uint64_t> progress_{0};
  std::mutex mutex_;
  std::condition_variable stopping_;
  // The following is guarded by mutex_.
  std::vector<belay_handle> queues_;
  bool is_stopping_ = false;
  std::thread helper_;  // the program's thread's alone
};

}  // namespace belay::fuzz
