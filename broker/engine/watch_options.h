// What one says when attaching a watch.
//
// Thread safety: values.
#pragma once

#include <cstdint>
#include <string>

#include "broker/registry/handle.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/reading.h"

namespace belay::engine {

// What a watch is told first.
enum class WatchBegin : std::uint8_t {
  kChanges,  // from `from_revision` on
  kState,    // what there is: as after falling behind, see watches.h
};

struct WatchOptions {
  std::string start;  // the range of keys [start, end)
  std::string end;    // empty: no upper bound
  WatchBegin begin = WatchBegin::kChanges;
  storage::Revision from_revision = 0;  // first revision to deliver; 0: changes after the attach
  // Before each row one of kind kOld, if the key had a value and a watch asked when it was replaced.
  storage::OldRows old_rows = storage::OldRows::kLeaveOut;
  // A durable subscription: where the last watch of this name in the keyspace got to, the next one goes
  // on, and only the first looks at `begin` and `from_revision`. As CheckName; empty: none.
  std::string name;
  // Revisions that it may be behind before it is told the state instead of the changes; 0: as many as
  // the history has.
  std::uint64_t lag_limit = 0;
  registry::Handle callback = 0;
  registry::Handle holder = 0;  // holds the subscription; its close detaches. 0: the broker
  storage::KeyspaceId keyspace = storage::kDefaultKeyspace;
};

}  // namespace belay::engine
