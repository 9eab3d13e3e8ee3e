// How far the named watches of one keyspace have got: durable, in the keyspace that clients do not see.
//
// A cursor is the first revision that may not have been accepted by the callback; 0: the watch is to begin
// with the state. It moves in memory with every call that is accepted and is written now and then, async:
// after a crash some rows come again, which at-least-once allows. It is never ahead: what it is behind was
// committed before it, and a log loses from its end.
//
// They go with their keyspace: those of one that is dropped, and at the next opening those that a crash has
// left between the two.
//
// Thread safety: every method may be called from any thread; Attach, Save, Forget and Drop may block (disk), as
// may DropStrayCursors.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "broker/base/status.h"
#include "broker/storage/store.h"

namespace belay::engine {

class WatchCursors {
 public:
  // REQUIRES: the store outlives it.
  WatchCursors(storage::Store& store, storage::KeyspaceId keyspace)
      : store_(store), keyspace_(keyspace) {}

  // The name is one watch's from now on. Returns its cursor, which is `first` if it is new, and then durable.
  base::Result<storage::Revision> Attach(const std::string& name, storage::Revision first);
  // REQUIRES for both: the name is attached.
  void Move(const std::string& name, storage::Revision cursor);
  void Detach(const std::string& name);
  // Writes what has moved.
  base::Status Save();
  // See Broker::ForgetWatch.
  base::Status Forget(const std::string& name);
  // The keyspace is gone: from now on nothing is written.
  void Drop();

 private:
  struct Cursor {
    bool is_attached = false;
    storage::Revision now = 0;
    storage::Revision saved = 0;
  };

  std::string KeyOf(const std::string& name) const;
  base::Result<std::optional<storage::Revision>> Load(const std::string& name);
  base::Status Write(const std::string& name, storage::Revision cursor);

  storage::Store& store_;
  const storage::KeyspaceId keyspace_;
  std::mutex disk_mutex_;  // of those who read or write the store; before mutex_
  bool dropped_ = false;   // guarded by disk_mutex_
  std::mutex mutex_;
  // Guarded by mutex_. Of the names attached since the broker opened.
  std::map<std::string, Cursor> cursors_;
};

// Deletes the cursors of keyspaces that are no longer there. REQUIRES: nobody writes any of these.
base::Status DropStrayCursors(storage::Store& store);

}  // namespace belay::engine
