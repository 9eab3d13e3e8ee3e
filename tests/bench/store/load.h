// Threads that ask one engine for the same thing: the sides of the rows.
//
// Invariants
//   - Every thread has a session of its own, and goes through all keys from a place of its own, on from
//     where it stopped in the round before.
//
// Thread safety: none needed: made, and its rounds run, by one thread.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "tests/bench/store/engine.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/threads.h"
#include "tests/bench/timing.h"

namespace belay::bench {

class Load {
 public:
  // REQUIRES: all three outlive it.
  Load(Engine& engine, int threads, std::span<const Key> keys, const Values& values) {
    for (int t = 0; t < threads; ++t) {
      const std::size_t first =
          keys.size() * static_cast<std::size_t>(t) / static_cast<std::size_t>(threads);
      users_.push_back({engine.NewSession(), Cycle(keys, values, first), {}});
    }
  }

  // One round: nanoseconds per get, put or batch of all threads together, `calls` by each.
  // REQUIRES of what returns a Round: this outlives it.
  Round Gets(int calls) {
    return Calls(calls, [](User& user) { user.session->Get(user.cycle.Next().key); });
  }
  Round Puts(int calls) {
    return Calls(calls, [](User& user) {
      const Entry entry = user.cycle.Next();
      user.session->Put(entry.key, entry.value);
    });
  }
  Round Batches(int calls, std::size_t size) {
    return Calls(calls, [size](User& user) {
      user.batch.clear();
      for (std::size_t i = 0; i < size; ++i) user.batch.push_back(user.cycle.Next());
      user.session->PutAll(user.batch);
    });
  }

 private:
  struct User {
    std::unique_ptr<Session> session;
    Cycle cycle;
    std::vector<Entry> batch;
  };

  template <typename Call>
  Round Calls(int calls, Call call) {
    return [this, calls, call] {
      return NsPerCallOfMany(static_cast<int>(users_.size()), calls, [this, call](int t) {
        return [&user = users_[static_cast<std::size_t>(t)], call] { call(user); };
      });
    };
  }

  std::vector<User> users_;
};

}  // namespace belay::bench
