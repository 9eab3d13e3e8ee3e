// One thread of registry_stress: what it does at random, and what it knows of what it did.
//
// Each operation asks the model first what must and what may come of it, then does it, then judges the answer.
//
// Thread safety: a Worker belongs to its thread; callbacks find it by `t_worker`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "broker/registry/registry.h"
#include "tests/model/model.h"
#include "tests/model/random.h"
#include "tests/model/stress_world.h"

namespace belay::model {

class Worker {
 public:
  Worker(World& world, std::size_t index, std::uint64_t seed)
      : world_(world), index_(index), random_(seed) {}

  // Works until the world stops.
  void Run();

  // The body of every call on this thread.
  void Body(CallbackModel& callback);
  // The start of a call that is answered by a later step of this thread.
  void Keep(std::unique_ptr<registry::AsyncCall> call, CallbackModel& callback);
  std::size_t index() const { return index_; }

 private:
  struct Pinned {
    Entry entry;
    registry::Registry::PinnedFunction function;
  };
  struct Kept {
    std::unique_ptr<registry::AsyncCall> call;
    CallbackModel* callback;  // lives as long as the call is in flight
  };

  void Step();
  void Register();
  void Call(const Entry& entry, HandleModel& handle);
  void Retain(const Entry& entry, HandleModel& handle);
  void Release(const Entry& entry, HandleModel& handle);
  void Unregister(const Entry& entry, HandleModel& handle);
  void Drain(const Entry& entry, HandleModel& handle);
  void Pin(const Entry& entry, HandleModel& handle);
  void Describe(const Entry& entry, HandleModel& handle);
  void Unpin();
  void Answer();
  void CloseOwner();
  void OfferDuel(const Entry& entry, HandleModel& handle);
  void AcceptDuel();
  void Publish(const Entry& entry, Handle handle, std::uint32_t rights,
               std::shared_ptr<OwnerModel> holder);
  void Discard(const Entry& entry);

  Entry Pick();
  std::shared_ptr<OwnerModel> PickOwner();
  bool IsInside(const CallbackModel& callback) const {
    for (const CallbackModel* outer : stack_) {
      if (outer == &callback) return true;
    }
    return false;
  }

  World& world_;
  const std::size_t index_;
  Random random_;
  std::shared_ptr<OwnerModel> own_;
  std::vector<const CallbackModel*> stack_;
  std::vector<Pinned> pins_;
  std::deque<Kept> answers_;
  std::uint64_t operations_ = 0;
};

// The calling thread's.
inline thread_local Worker* t_worker = nullptr;

[[noreturn]] inline void Wrong(const char* what, const base::Status& status) {
  Violation("R4", std::string(what) + " answered what nothing explains: " + status.ToString());
}

}  // namespace belay::model
