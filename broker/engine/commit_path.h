// The way of a write to the store: its merges become puts, its validators are asked, it is committed; and if
// a key has changed meanwhile that either had looked at, all of it is done again, a bounded number of
// times. What neither concerns goes straight to the store.
//
// Thread safety: any thread.
#pragma once

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Validators;

// Of updates, and of whatever else is decided by what keys have: keys that change faster are given up on.
inline constexpr int kMostAttempts = 32;

// Errors: as Broker::Commit.
base::Result<storage::CommitResult> CommitWrite(Broker& broker, const Validators& validators,
                                                const storage::WriteBatch& batch);

}  // namespace belay::engine
