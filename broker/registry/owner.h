// An owner: the scope that registered callbacks and holds handles, and is answerable for both.
//
// Owners nest: an owner holds the handles of those opened under it, and closing it closes them first.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/registry/object.h"

namespace belay::registry {

// What an owner may use (R14); 0 is no bound. A budget is the owner's own, not shared with nested owners.
struct OwnerBudget {
  std::uint32_t max_handles = 0;          // held at once
  std::uint32_t max_callbacks = 0;        // registered and not yet released
  std::uint32_t max_calls_in_flight = 0;  // submitted to its callbacks and not yet ended
  std::uint64_t max_queued_bytes = 0;     // of the requests of those calls
};

// What a call gets that used a handle wrongly (R19); see misuse.h. Numbers are part of the C ABI.
enum class MisusePolicy : std::uint8_t {
  kInherit = 0,  // as the owner's parent; for a registry: kReturn
  kReturn = 1,   // the code
  kLog = 2,      // the code, and a line with a stack in the log
  kAbort = 3,    // the process ends, with the same line: for test runs
};

struct OwnerOptions {
  OwnerBudget budget;
  MisusePolicy misuse = MisusePolicy::kInherit;
};

class Owner final : public Object {
 public:
  Owner(Ref<Registry> owner_registry, std::string owner_name, OwnerOptions owner_options);
  ~Owner() override;
  std::string_view label() const override { return name; }

  const Ref<Registry> home;
  const std::string name;
  const OwnerOptions options;  // `misuse` is not kInherit

  // Guarded by the registry's mutex.
  bool closed = false;
  std::uint32_t first_callback = 0;  // number of a callback: those it registered that are live
  std::uint32_t first_held = 0;      // slots of the handles that it holds
  std::uint32_t held = 0;
  std::uint32_t callbacks = 0;  // registered and not yet released
  std::uint32_t text_id = 0;    // see Texts::Keep

  // Relaxed: they bound, and order nothing.
  std::atomic<std::uint32_t> calls_in_flight{0};
  std::atomic<std::uint64_t> queued_bytes{0};
};

}  // namespace belay::registry
