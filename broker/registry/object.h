// What a handle refers to: the part that all kinds have in common.
//
// Objects are counted by intrusive references: one per slot (so one per handle, until the handle is
// retired and no thread has a hazard on it), and one per Ref<> in other objects or on a stack. This count
// only keeps memory alive; a callback's *reference count*, which decides its life, is `handles`.
//
// Thread safety: AddReference and DropReference may be called from any thread. Fields are guarded as said beside them.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "broker/registry/handle.h"

namespace belay::registry {

class Registry;
class Owner;

// An owning pointer to an Object; made from `new` by Ref::Adopt.
template <typename T>
class Ref {
 public:
  Ref() = default;
  explicit Ref(T* object) : object_(object) {
    if (object_ != nullptr) object_->AddReference();
  }
  static Ref Adopt(T* object) {
    Ref ref;
    ref.object_ = object;
    return ref;
  }
  Ref(const Ref& other) : Ref(other.object_) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() {
    if (object_ != nullptr) object_->DropReference();
  }

  T* get() const noexcept { return object_; }
  T* operator->() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  T* Release() noexcept { return std::exchange(object_, nullptr); }

 private:
  T* object_ = nullptr;
};

class Object {
 public:
  // Brokers and owners have no owner. All others get theirs when their first handle is made.
  explicit Object(Kind object_kind) : kind(object_kind) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object();

  void AddReference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void DropReference() noexcept {
    // acq_rel: whoever deletes sees what every other holder did before letting go.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) Destroy();
  }

  // The last handle was released and no thread can reach the object through it any more. Called once,
  // on the registry's reaper thread, under no lock. Not for callbacks.
  virtual void HandlesGone() noexcept {}
  // What it is for, shown in listings. Constant.
  virtual std::string_view label() const { return {}; }

  // REQUIRES: it has one.
  Owner& owner() const noexcept;
  bool has_owner() const noexcept { return owner_ != 0; }
  // Takes a reference on the owner. Called once, before the first handle exists.
  void SetOwner(Owner& owner) noexcept;
  // REQUIRES: it has an owner, or is one, or a registry.
  Registry& registry() noexcept;

 private:
  void Destroy() noexcept;

  std::atomic<std::uint32_t> references_{1};
  std::uint32_t owner_ = 0;  // number of the Owner; constant once set

 public:
  std::uint32_t id = 0;  // in the arena; constant once set
  // Guarded by the registry's mutex.
  std::uint32_t handles = 0;     // live handles: the reference count
  std::uint32_t first_slot = 0;  // of the list of its handles, live or retired and not yet freed
  const Kind kind;
};

}  // namespace belay::registry
