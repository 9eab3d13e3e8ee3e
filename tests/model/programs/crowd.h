// Several threads, each with programs of its own, on callbacks that they share.
//
// Of things that overlap either may come first, so what an operation must answer is no single status. What
// must hold under every interleaving is checked, and named by its invariant:
//   - R3: each release function and each completion runs exactly once, by the end.
//   - R5, R11: no release function runs during a call or while a pin is held, and nothing runs after it.
//   - R2: a handle that one thread keeps to itself is stale for nobody's sake but its own; its callback
//     is not released before somebody unregistered it or closed its owner.
//   - R4: an operation answers with a status that it may have, and refuses for a reason that somebody gave.
//   - R7: a drain that succeeded comes after the release function.
//   - R12: when all is released no handle is left, and the broker closes.
//
// A round: threads share a broker with two owners, a queue that a thread polls, a strand and the pool. After
// each everything is ended and checked. Programs follow from the seed; how they interleave does not.
//
// Thread safety: RunRound() is one thread's; what it makes is its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "belay/belay.h"

namespace belay::programs {

struct Round {
  std::uint64_t seed = 0;
  std::size_t threads = 4;
  std::size_t operations_each = 20'000;
};

struct RoundOutcome {
  std::uint64_t operations = 0;
  std::uint64_t successes = 0;
  std::optional<std::string> violated;
};

RoundOutcome RunRound(const Round& round);

// --- For crowd.cc and crowd_worker.cc ---

class Crowd;

// An owner that some thread may close.
struct Guild {
  belay_handle handle = 0;
  std::atomic<bool> closing{false};  // set before the close
};

// The context of a callback. Lives as long as the round.
struct Shared {
  static constexpr std::uint64_t kMagic = 0x5ba2'edca'11ba'c4ed;

  static belay_status Call(void* context, belay_call* call);
  static std::int64_t Typed(void* context, std::int64_t argument);
  static void Release(void* context);
  bool MayEnd() const {
    return may_end.load(std::memory_order_acquire) ||
           guild->closing.load(std::memory_order_acquire);
  }

  std::uint64_t magic = kMagic;
  Crowd* crowd = nullptr;
  const Guild* guild = nullptr;
  bool typed = false;
  bool elsewhere = false;            // it does not run on its caller's thread
  std::atomic<bool> may_end{false};  // set before it is unregistered, or called if it may be once
  std::atomic<int> kept{0};          // handles that their threads keep to themselves
  std::atomic<int> pins{0};
  std::atomic<int> in_call{0};
  std::atomic<int> releases{0};
  // Written by calls, read by the release function: ordered by the registry or a race for TSan to see.
  std::uint64_t plain = 0;
  std::mutex plain_mutex;  // among calls
};

// A handle, and what its holder knows of it.
struct Held {
  belay_handle handle = 0;
  Shared* shared = nullptr;
  std::uint32_t rights = 0;
  bool kept = false;  // nobody else has the number, and no close of an owner ends it
};

struct Answer {
  explicit Answer(Crowd& its_crowd) : crowd(its_crowd) {}
  static void Run(void* answer, const belay_outcome* outcome);
  Crowd& crowd;
  std::atomic<int> runs{0};
};

// What the threads of a round share.
class Crowd {
 public:
  static constexpr std::size_t kCells = 16;
  static constexpr std::size_t kGuilds = 2;
  static constexpr std::uint64_t kForEverMs = 60'000;

  struct Cell {
    std::mutex mutex;
    Held held;
  };

  // Remembers the first violation; the round then comes to its end.
  void Violate(std::string text);
  bool violated() const { return violated_.load(std::memory_order_relaxed); }
  std::optional<std::string> violation();

  belay_handle broker = 0;
  belay_handle queue = 0;
  belay_handle strand = 0;
  Guild everybody;  // the broker's own owner
  std::array<Cell, kCells> cells;
  std::mutex guilds_mutex;
  std::array<Guild*, kGuilds> guilds{};
  std::deque<Guild> all_guilds;  // guarded by guilds_mutex; elements stay
  std::atomic<std::uint64_t> registered{0};
  std::atomic<std::uint64_t> released{0};
  std::atomic<std::uint64_t> asked{0};  // completions that were accepted
  std::atomic<std::uint64_t> answered{0};

 private:
  std::atomic<bool> violated_{false};
  std::mutex mutex_;
  std::string text_;  // guarded by mutex_
};

}  // namespace belay::programs
