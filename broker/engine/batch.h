// A batch that is put together call by call, behind a handle, and committed as a whole.
//
// Thread safety: every method may be called from any thread, but one at a time: the second says BUSY.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

#include "broker/base/status.h"
#include "broker/engine/exclusive_use.h"
#include "broker/engine/store_view.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Batch final : public registry::Object {
 public:
  explicit Batch(registry::Ref<StoreView> view);
  std::string_view label() const override { return "batch"; }

  // Errors: BUSY; INVALID_ARGUMENT with reason LIMIT_EXCEEDED when the batch is full, which it then
  // stays.
  base::Status Add(storage::Operation operation);
  // Commits and, if that was OK, empties the batch for another. Errors: as Broker::Commit; BUSY.
  base::Result<storage::CommitResult> Commit(storage::Durability durability);
  base::Status Clear();
  const base::Clock& clock() const { return view_->broker()->clock(); }

 private:
  const registry::Ref<StoreView> view_;
  std::atomic_flag in_use_ = ATOMIC_FLAG_INIT;
  storage::WriteBatch batch_;
  std::size_t bytes_ = 0;  // of its keys and values
};

}  // namespace belay::engine
