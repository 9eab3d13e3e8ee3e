// What the threads of registry_stress share: callbacks to pick from, owners, and what was released lately.
//
// Thread safety: as each part says.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <utility>

#include "broker/registry/registry.h"
#include "tests/model/model.h"

namespace belay::model {

inline constexpr std::size_t kCells = 24;
inline constexpr std::size_t kSharedOwners = 2;
inline constexpr std::size_t kQuarantine = 4096;
inline constexpr std::int64_t kForEverNs =
    60'000'000'000;  // a wait that takes so long was not woken

using Entry = std::shared_ptr<CallbackModel>;

// What threads pass callbacks to each other through.
struct Cell {
  std::mutex mutex;
  Entry entry;
};

// Keeps what was released for a while, so that a late call finds a model that objects and not free memory.
class Quarantine {
 public:
  void Add(Entry entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    if (entries_.size() > kQuarantine) entries_.pop_front();
  }

 private:
  std::mutex mutex_;
  std::deque<Entry> entries_;
};

// Two threads that are to release one handle at the same moment.
struct Duel {
  std::atomic<HandleModel*> handle{nullptr};
  Entry entry;  // set before `handle`
  std::atomic<int> arrived{0};
};

struct World {
  registry::Ref<registry::Registry> registry;
  std::shared_ptr<OwnerModel> root = std::make_shared<OwnerModel>();
  std::array<Cell, kCells> cells;
  std::mutex owners_mutex;
  std::array<std::shared_ptr<OwnerModel>, kSharedOwners> owners;
  Quarantine quarantine;
  Duel duel;
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> registered{0};
  std::atomic<std::uint64_t> released{0};
  std::atomic<std::uint64_t> operations{0};
};

// The one that runs; null before and after.
inline World* g_world = nullptr;

// Nobody works any more: what is left must be told exactly, and go away when the registry closes.
void CheckRest(World& world);

}  // namespace belay::model
