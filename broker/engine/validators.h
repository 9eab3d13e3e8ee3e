// Validators: callbacks that see a batch before it is committed, and let it pass, change it or refuse
// it (S3).
//
// They run on the writer's thread (or their own executor, while the writer waits), one after the
// other, the smallest priority first, before the batch is queued for the store: a slow one delays
// only those who write under its prefix, and one that writes itself is just another writer, whose
// writes it validates in turn until the recursion limit.
//
// What a validator gets is a row block: for each operation under its prefix the row that the history
// would have, with revision 0; before it, if it asked for old values, a row of kind kOld with what the
// key has now, if it exists. Its reply is empty: accepted; or a row block: these puts and deletes,
// instead of those that it was shown. An answer that is an error refuses the batch; so does a
// validator that cannot be asked, unless it was attached to be passed over then.
//
// What was decided by old values holds when it is committed: else the batch is shown again.
//
// Invariants
//   - No validator runs under a lock (R8).
//   - The handle to the callback is the validator's own, held by the owner "hooks".
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "broker/base/status.h"
#include "broker/engine/validator_options.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Validator;

class Validators : public std::enable_shared_from_this<Validators> {
 public:
  Validators(registry::Ref<registry::Registry> registry, registry::Handle hooks_owner,
             registry::LogFunction log)
      : registry_(std::move(registry)), hooks_owner_(hooks_owner), log_(std::move(log)) {}

  // See Broker::AttachValidator.
  base::Result<registry::Handle> Attach(const ValidatorOptions& options);
  // Whether anybody would be asked about the batch as it stands now.
  bool AreAsked(const storage::WriteBatch& batch) const;
  // Whether there are any at all, of whatever prefix.
  bool any() const noexcept { return count_.load(std::memory_order_relaxed) != 0; }
  // Asks all who want to see the batch, and leaves in it what they would have committed. Errors: those of
  // the first that refuses.
  base::Status Review(storage::Store& store, storage::WriteBatch* batch) const;
  void CallbacksReleased(std::span<registry::Callback* const> callbacks);
  void Detached(Validator& validator);
  // Ends all.
  void Stop();

 private:
  using List = std::vector<registry::Ref<Validator>>;

  // Those there are now, in their order; null: none.
  std::shared_ptr<const List> Current() const;
  template <typename Fn>
  void RemoveIf(Fn matches);

  const registry::Ref<registry::Registry> registry_;
  const registry::Handle hooks_owner_;
  const registry::LogFunction log_;
  // Relaxed: who attaches a validator sees it obeyed by writes that begin after Attach() returned,
  // which whatever tells the writer so orders; no other write is promised anything.
  std::atomic<std::size_t> count_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const List> list_;  // guarded by mutex_; replaced, never changed
  bool stopped_ = false;
};

}  // namespace belay::engine
