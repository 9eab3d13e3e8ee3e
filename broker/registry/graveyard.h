// What remains of a registry's dead handles: who ended them, and where misuse of them is told.
//
// It is found by the dead handle itself, of which nothing else is left, and it outlives its registry for a
// while: the use of a handle after belay_close is the most frequent misuse of all.
//
// Invariant: the log of a registry is not called after Close() of its graveyard has returned.
//
// Thread safety: Bury() is serialized by its caller, as Texts and Tombstones say; everything else may be
// called from any thread. The mutexes are leaves: neither is held while the log runs.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/registry/owner.h"
#include "broker/registry/texts.h"
#include "broker/registry/tombstones.h"

namespace belay::registry {

enum class LogLevel { kError = 1, kWarning = 2, kInfo = 3 };
using LogFunction = std::function<void(LogLevel, std::string_view)>;

class Graveyard {
 public:
  struct Options {
    std::size_t tombstones = 0;                   // 0: none are kept
    std::size_t texts = 2;                        // kept for records
    MisusePolicy misuse = MisusePolicy::kReturn;  // the registry's own
    LogFunction log;                              // null: stderr
    const base::Clock* clock = nullptr;           // used until Close()
  };
  explicit Graveyard(Options options);

  Texts& texts() noexcept { return texts_; }
  bool keeps_tombstones() const noexcept { return stones_.has_value(); }
  void Bury(const Tombstone& stone) noexcept {
    if (stones_) stones_->Insert(stone);
  }
  std::optional<Tombstone> Find(Handle handle) const noexcept {
    return stones_ ? stones_->Find(handle) : std::nullopt;
  }
  // "released by \"x\" 3.2 s ago on thread 7; it was \"label\" (site)"
  std::string Tell(const Tombstone& stone) const;

  MisusePolicy misuse() const noexcept { return options_.misuse; }
  // To the registry's log; to stderr if it has none any more. REQUIRES: no lock is held (R8).
  void Log(LogLevel level, std::string_view text);
  // The registry has closed. Waits for calls of the log to return.
  void Close();

 private:
  std::int64_t AgeNs(std::int64_t ended_ns) const;

  const Options options_;
  Texts texts_;
  std::optional<Tombstones> stones_;

  mutable std::mutex mutex_;
  std::condition_variable told_;
  unsigned telling_ = 0;
  bool closed_ = false;
  std::int64_t closed_ns_ = 0;         // on the registry's clock
  std::int64_t closed_system_ns_ = 0;  // the same moment on the system's
};

// The graveyards of a process: of its open registries, and of the few that closed last.
//
// Thread safety: any thread. `mutex_` is a leaf.
class Graveyards {
 public:
  static constexpr std::size_t kClosedKept = 4;

  void Add(std::shared_ptr<Graveyard> graveyard);
  // Needs no memory; does nothing for one that was not added.
  void Closed(const Graveyard& graveyard) noexcept;

  struct Found {
    std::shared_ptr<Graveyard> graveyard;  // null: none knows the handle
    Tombstone stone;
  };
  Found Find(Handle handle) const;
  // That of the open registry whose own policy is the strictest; null without a registry.
  std::shared_ptr<Graveyard> Strictest() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Graveyard>> open_;
  std::vector<std::shared_ptr<Graveyard>> closed_;  // oldest first
};

}  // namespace belay::registry
