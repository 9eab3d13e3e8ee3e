// Origins: what all callbacks that are registered at one place have in common, kept once.
//
// A program that registers a million callbacks does so at a few places in its code: the function, the release
// function, the label and the site are the same each time. A callback refers to one Origin for all of it.
//
// Invariants
//   - An Origin never changes and stays where it is while a callback or anything else refers to it.
//   - Those that nothing refers to are kept for the next registration, and thrown away in bulk when they
//     have become more than those in use: labels that differ each time do not pile up.
//
// Thread safety: Origins is guarded by its registry's mutex; Origin::references may be counted down at any
// time, but is counted up from 0 only under that mutex.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "broker/base/status.h"
#include "broker/registry/call.h"
#include "broker/registry/slot.h"

namespace belay::registry {

using ReleaseFunction = void (*)(void* context);
using TypedFunction = void (*)();

// The three ways in which a callback is called; exactly one of `function`, `typed` and `start` is set.
struct Target {
  // In-process by the C ABI's struct; `adapter` makes such a call from bytes.
  NativeFunction function = nullptr;
  base::Status (*adapter)(NativeFunction function, void* context, const Request& request,
                          std::string* reply) = nullptr;
  // In-process by its own C signature, through a pin.
  TypedFunction typed = nullptr;
  std::string signature;
  // Elsewhere: begins a call and returns at once. Called on the invoking thread, under no lock.
  void (*start)(void* context, std::unique_ptr<AsyncCall> call) = nullptr;
};

struct Origin {
  Target target;
  ReleaseFunction release = nullptr;
  std::string label;
  std::string site;

  // release when counted down: whoever sees 0 (acquire) and throws the origin away comes after its last use.
  mutable std::atomic<std::uint32_t> references{0};
  mutable std::uint32_t text_id = 0;  // see Texts::Keep; guarded by the registry's mutex
};

class OriginRef {
 public:
  OriginRef() = default;
  explicit OriginRef(const Origin& origin) noexcept : origin_(&origin) {
    origin_->references.fetch_add(1, std::memory_order_relaxed);
  }
  OriginRef(OriginRef&& other) noexcept : origin_(std::exchange(other.origin_, nullptr)) {}
  OriginRef& operator=(OriginRef&& other) noexcept {
    std::swap(origin_, other.origin_);
    return *this;
  }
  ~OriginRef() {
    if (origin_ != nullptr) origin_->references.fetch_sub(1, std::memory_order_release);
  }
  const Origin* operator->() const noexcept { return origin_; }
  const Origin& operator*() const noexcept { return *origin_; }
  const Origin* get() const noexcept { return origin_; }

 private:
  const Origin* origin_ = nullptr;
};

class Origins {
 public:
  // What an origin is asked for by.
  struct View {
    const Target& target;
    ReleaseFunction release;
    std::string_view label;
    std::string_view site;

    bool operator==(const View& other) const noexcept;
  };
  // The origin that looks so, made if there was none. Throws std::bad_alloc.
  OriginRef Get(const View& wanted);

 private:
  static View ViewOf(const Origin& origin) noexcept {
    return {origin.target, origin.release, origin.label, origin.site};
  }
  static std::size_t Hash(const View& view) noexcept;
  struct Entry {
    std::size_t hash;
    std::unique_ptr<Origin> origin;
  };
  struct Wanted {
    std::size_t hash;
    const View& view;
  };
  static View ViewOf(const Entry& entry) noexcept { return ViewOf(*entry.origin); }
  static const View& ViewOf(const Wanted& wanted) noexcept { return wanted.view; }
  struct HashOf {
    using is_transparent = void;
    std::size_t operator()(const Entry& entry) const noexcept { return entry.hash; }
    std::size_t operator()(const Wanted& wanted) const noexcept { return wanted.hash; }
  };
  struct Equal {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const noexcept {
      return ViewOf(a) == ViewOf(b);
    }
  };
  void ThrowAwayUnused();

  std::unordered_set<Entry, HashOf, Equal> origins_;
  OriginRef last_;  // the one asked for before: often the next one, too
  std::size_t sweep_at_ = 1024;
};

}  // namespace belay::registry
