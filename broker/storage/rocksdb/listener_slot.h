// Holds the one commit listener of a store and calls it under no lock.
//
// Invariant: after Set() has returned, the listener that was there before neither runs nor will
// run; whoever owns what it points to may then free it.
//
// Thread safety: any thread; Set() not from within the listener, where it would wait for itself.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "broker/storage/row_block.h"

namespace belay::storage {

class ListenerSlot {
 public:
  using Listener = std::function<void(Revision)>;

  void Set(Listener listener) {
    auto entry = listener ? std::make_shared<Entry>(Entry{std::move(listener)}) : nullptr;
    std::unique_lock lock(mutex_);
    entry.swap(entry_);
    if (entry != nullptr) idle_.wait(lock, [&] { return entry->running == 0; });
  }

  void Notify(Revision revision) noexcept {
    std::shared_ptr<Entry> entry;
    {
      const std::lock_guard lock(mutex_);
      if (entry_ == nullptr) return;
      entry = entry_;
      ++entry->running;
    }
    entry->listener(revision);
    const std::lock_guard lock(mutex_);
    if (--entry->running == 0) idle_.notify_all();
  }

 private:
  struct Entry {
    Listener listener;
    int running = 0;  // guarded by mutex_
  };

  std::mutex mutex_;
  std::condition_variable idle_;
  std::shared_ptr<Entry> entry_;  // guarded by mutex_
};

}  // namespace belay::storage
