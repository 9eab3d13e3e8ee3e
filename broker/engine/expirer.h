// Takes keys whose time has come out of the store: a thread that exists once a key has an expiry.
//
// Time is the wall clock's, for an expiry must hold across restarts. If somebody turns the clock, keys
// go early or late by as much: it is asked anew every second while anything is due.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "broker/base/clock.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Expirer {
 public:
  // REQUIRES: both outlive it.
  Expirer(storage::Store& store, const base::Clock& clock, registry::LogFunction log)
      : store_(store), clock_(clock), log_(std::move(log)) {}
  ~Expirer() { Stop(); }
  Expirer(const Expirer&) = delete;
  Expirer& operator=(const Expirer&) = delete;

  // What is due was left by a process before this one.
  void Begin();
  // A key was written that is to go then, in ms since the Unix epoch.
  void Expect(std::int64_t at_ms);
  // Waits for the thread. Afterwards nothing expires.
  void Stop();

 private:
  void Run();
  std::int64_t NowMs() const { return clock_.WallNs() / 1'000'000; }

  storage::Store& store_;
  const base::Clock& clock_;
  const registry::LogFunction log_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::int64_t next_ms_ = 0;  // when to look again; 0: when told. Guarded by mutex_, as is the rest
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace belay::engine
