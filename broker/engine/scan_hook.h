// A callback that a scan asks about its rows, a block at a time: a filter, which picks among them, or a
// projection, which answers with others in their place.
//
// Invariants
//   - Its handle is held by the owner "hooks" from Hold() to the end.
//   - An answer that is none fails the question, and counts as a failure of the callback's.
//
// Thread safety: as the cursor that has it: one thread at a time.
#pragma once

#include <cstdint>
#include <string>

#include "broker/base/status.h"
#include "broker/registry/handle.h"

namespace belay::engine {

class Broker;

class ScanHook {
 public:
  // What a reply makes of the rows that were shown. INVALID_ARGUMENT: it is no reply to them.
  struct Role {
    const char* name;  // as messages say it
    base::Status (*apply)(const std::string& reply, std::string* block, bool* stops);
  };
  static const Role kFilter;
  static const Role kProjection;

  explicit ScanHook(const Role& role) noexcept : role_(role) {}
  ScanHook(const ScanHook&) = delete;
  ScanHook& operator=(const ScanHook&) = delete;
  ~ScanHook();

  // Of a handle with the rights to invoke and to retain. Errors: FAILED_PRECONDITION (a typed callback); as
  // Registry::Retain.
  base::Status Hold(const Broker& broker, registry::Handle callback);
  bool is_held() const noexcept { return handle_ != 0; }

  // Shows the rows of `*block` and leaves there what the callback would have of them. `*stops` becomes
  // true if it wants to see no more. Errors: those of the callback; CALLBACK_FAILED for a reply that is none.
  base::Status Ask(const std::string& caller, std::int64_t timeout_ns, std::string* block,
                   bool* stops) const;

 private:
  const Role& role_;
  registry::Handle handle_ = 0;
};

}  // namespace belay::engine
