// The watches of one keyspace, and the thread that feeds them.
//
// Cost. A commit costs its writer a flag, and a wake-up if the dispatcher sleeps. After work it dozes for
// half a millisecond before it sleeps or reads on, which no commit disturbs: of writers who commit all the time
// none pays for wake-ups, what they wrote meanwhile is read at once, and what comes after a pause is delivered
// immediately. The dispatcher reads
// new history once for all watches, narrowed to the range that covers their prefixes, and looks each key
// up in an index of prefixes: a watch that nothing changes for costs nothing, however many there are. A
// watch that cannot take a change now (its callback runs, or failed) remembers the revision, and catches
// up later by reads of its own, so it delays neither writers nor other watches and buffers nothing.
//
// Memory. A watch holds one block of rows at a time, twice while the call runs: at most kWatchPageBytes,
// or one commit if that is larger.
//
// Falling behind. Changes that a watch needs and that are no longer retained, or are more than its lag
// limit, are not told. It is told the state instead: a row kReset, the rows of its range as of one
// revision, a row kSynced, and from there the changes.
//
// Named watches. See watch_cursors.h. Their cursors are written when they have moved, at most every
// kSaveEveryNs, and when they end.
//
// Ends. A watch ends when its subscription is released or the holder's owner closes, and when its callback
// cannot be called any more. The subscription's handle stays its holder's until released.
//
// Detaching. Whether the subscription is still open is asked right before each call, on the thread that
// makes it: no call passes that point once Release() has returned.
//
// Thread safety: every method may be called from any thread. Lock order: mutex_, then the registry's and
// the cursors' that is not the disk's.
// Callbacks and the log are not called under mutex_ (R8), nor are the store's reads made under it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/engine/callback_pool.h"
#include "broker/engine/prefix_index.h"
#include "broker/engine/watch.h"
#include "broker/engine/watch_cursors.h"

namespace belay::engine {

inline constexpr std::uint32_t kWatchPageRows = 512;
inline constexpr std::size_t kWatchPageBytes = std::size_t{256} << 10;
// Pause before rows are delivered again, or history is read again: doubled from the first to the last.
inline constexpr std::int64_t kFirstPauseNs = 100'000'000;
inline constexpr std::int64_t kLongestPauseNs = 10'000'000'000;
inline constexpr std::int64_t kSaveEveryNs = 100'000'000;
// A named watch that nothing changes for is moved on when it is this far behind, lest what it need not see
// be taken from the history.
inline constexpr storage::Revision kQuietRevisions = 1'000;

class Watches : public std::enable_shared_from_this<Watches> {
 public:
  // What the watches work with. The store must stay until Stop() has returned.
  struct Surroundings {
    registry::Ref<registry::Registry> registry;
    storage::Store* store = nullptr;
    std::shared_ptr<CallbackPool> pool;
    registry::Handle hooks_owner = 0;
    const base::Clock* clock = nullptr;
    registry::LogFunction log;
  };
  Watches(Surroundings surroundings, storage::KeyspaceId keyspace)
      : surroundings_(std::move(surroundings)),
        keyspace_(keyspace),
        cursors_(*surroundings_.store, keyspace) {}

  // See Broker::AttachWatch.
  base::Result<registry::Handle> Attach(const WatchOptions& options);
  // See Broker::ForgetWatch.
  base::Status Forget(const std::string& name) {
    EndReleased(name);
    return cursors_.Forget(name);
  }
  // The keyspace is gone: all watches end, and their cursors are no longer written.
  void Dropped();
  // The store has committed up to here. Brief; on a writer's thread.
  void OnCommit(storage::Revision revision);
  void Detached(Watch& watch);
  // The callbacks' release functions have run: their watches end.
  void CallbacksReleased(std::span<registry::Callback* const> callbacks);
  // Ends all watches and the thread. Waits for the thread, unless called on it; not for callbacks.
  void Stop();

 private:
  using Lock = std::unique_lock<std::mutex>;

  // What is read for one watch alone.
  struct Portion {
    std::string rows;
    std::uint32_t row_count = 0;
    storage::Revision next = 0;  // where to go on; 0: the state has more
  };

  base::Status Start();
  base::Result<storage::Revision> FirstRevision(const WatchOptions& options,
                                                storage::Revision current);
  base::Result<registry::Ref<Watch>> NewWatch(const WatchOptions& options);
  // The watch of that name, if its subscription is gone and it only has not been told so yet.
  void EndReleased(const std::string& name);
  void Completed(const registry::Ref<Watch>& watch, const registry::Outcome& outcome);
  // On the dispatcher's thread, without the lock.
  base::Result<storage::HistoryPage> ReadPage(storage::Revision from, std::string_view start,
                                              std::string_view end, storage::OldRows old_rows);
  base::Result<Portion> ReadChanges(const Watch& watch, storage::Revision from);
  base::Result<Portion> ReadState(Watch& watch);
  void Log(registry::LogLevel level, const std::string& text) const;

  // REQUIRES for all below: mutex_ held; those that take the lock let go of it in between. All but End()
  // and Queue() on the dispatcher's thread only.
  void Run();
  void Join(const registry::Ref<Watch>& watch);
  bool HeadIsBehind(std::int64_t now_ns) const;
  void ReadHead(Lock& lock);
  base::Result<std::vector<registry::Ref<Watch>>> Distribute(const storage::HistoryPage& page);
  void HeadFailed(Lock& lock, const base::Status& status);
  void Advance(Lock& lock, const registry::Ref<Watch>& watch);
  bool IsTooFarBehind(const Watch& watch) const;
  void TellState(Lock& lock, const registry::Ref<Watch>& watch, const std::string& why);
  void ReadFailed(Lock& lock, const registry::Ref<Watch>& watch, const base::Status& status);
  void Send(Lock& lock, const std::vector<registry::Ref<Watch>>& watches);
  void MoveQuietCursors();
  void SaveCursors(Lock& lock);
  void QueueDue(std::int64_t now_ns);
  void Sleep(Lock& lock, std::int64_t now_ns);
  void Queue(Watch& watch);
  // Returns the pause.
  std::int64_t RetryLater(Watch& watch);
  void MoveCursor(const Watch& watch);
  // The watch is forgotten; whoever holds the last reference must not hold mutex_ when dropping it.
  [[nodiscard]] registry::Ref<Watch> End(Watch& watch);

  const Surroundings surroundings_;
  const storage::KeyspaceId keyspace_;
  WatchCursors cursors_;

  std::atomic<storage::Revision> newest_{0};  // that the store has told of
  // Sequentially consistent, like newest_: the dispatcher sets it, then looks at newest_; a writer raises
  // newest_, then looks at it. One of them sees the other.
  std::atomic<bool> asleep_{false};
  // Of the dispatcher's thread:
  bool has_dozed_ = false;  // since it worked last
  bool head_rests_ =
      false;  // all of the history was read: a read of each commit by itself would cost its writer
  std::atomic<std::size_t> watch_count_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool started_ = false;
  std::thread thread_;
  std::unordered_multimap<const registry::Object*, registry::Ref<Watch>>
      by_callback_;                            // all of them
  std::vector<registry::Ref<Watch>> joining_;  // attached, not yet in the index
  PrefixIndex<Watch*> index_;                  // grows between reads of the shared page only
  storage::Revision head_ = 0;                 // the shared page has been read up to here
  std::uint32_t head_failures_ = 0;
  std::int64_t head_retry_at_ns_ = 0;
  std::deque<registry::Ref<Watch>> ready_;  // to be looked at by Advance()
  std::set<std::pair<std::int64_t, Watch*>> timers_;
  std::size_t showing_old_rows_ = 0;     // watches that asked for them
  std::size_t named_count_ = 0;          // watches with a name
  storage::Revision quiet_from_ = 0;     // head_ when the cursors were looked at last
  std::int64_t save_cursors_at_ns_ = 0;  // 0: none has moved
};

}  // namespace belay::engine
