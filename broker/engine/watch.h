// One watch: what it wants, and how far it has got. A registry object of kind subscription.
//
// Where a watch stands is told by two revisions and a block of rows, see below. What changed in the store
// reaches it by one of two ways: from the page of history that the dispatcher reads once for all watches,
// if the watch is at rest and has missed nothing; else from pages that are read for it alone, until it
// has caught up.
//
// Invariants
//   - Every change under the prefix with a revision below `next` was delivered, or is in `rows`, or has a
//     revision of at least `unread` (which is not 0 then).
//   - At most one call is in flight; `rows` stays the same until the callback has accepted it. So changes
//     come in order of revision, each at least once (S3).
//   - While it is told the state (`by_state`) `unread` is not 0, and `acked` stays where it was.
//   - The handle to the callback is the watch's own, held by the owner "hooks".
//
// Thread safety: the fields from `next` on are guarded by the dispatcher's mutex; `rows` is read by the
// dispatcher's thread without it while a call is in flight, during which nobody writes it; `state` is the
// dispatcher's thread's alone.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/engine/hook.h"
#include "broker/engine/watch_options.h"
#include "broker/registry/registry.h"
#include "broker/storage/row_block.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Watches;

class Watch final : public Hook {
 public:
  // Takes over `held_callback`, a handle to `callback`.
  Watch(std::shared_ptr<Watches> watches, const WatchOptions& wish, registry::Handle held_callback,
        const registry::Object& callback_object);
  ~Watch() override;

  // Detached: the subscription was released, or its holder closed.
  void HandlesGone() noexcept override;
  std::string_view label() const override { return label_; }
  HookView View() const override { return {HookKind::kWatch, options.keyspace, callback}; }

  // Nothing under way and nothing missed: changes may come from the shared page.
  bool AtRest() const noexcept { return !in_call && rows.empty() && unread == 0; }
  // Of a key that has the prefix.
  bool Wants(std::string_view key) const noexcept {
    return key >= options.start && (options.end.empty() || key < options.end);
  }
  bool ShowsOldRows() const noexcept { return options.old_rows == storage::OldRows::kShow; }
  // For logs: "watch on "prefix" by callback "label"".
  std::string Describe() const;

  const std::shared_ptr<Watches> dispatcher;
  const WatchOptions options;
  const std::string prefix;  // of all keys in the range
  const registry::Handle callback;
  const registry::Object* const callback_object;  // for telling callbacks apart only
  const std::string callback_label;
  registry::Handle subscription = 0;  // set before the dispatcher knows the watch

  storage::Revision attached_at = 0;  // the store's revision then; constant
  std::shared_ptr<void> old_values;   // keeps them, if it asked for them

  storage::Revision next = 0;
  storage::Revision unread = 0;    // the shared page passed a matching change here; 0: it did not
  std::string rows;                // being delivered, or to be delivered again
  storage::RowBlockBuilder batch;  // of the shared page, while it is looked through
  storage::Revision acked = 0;     // where it goes on if it is attached anew; of a named one
  bool by_state = false;           // it is told the state, from the first row if `state` is null
  std::unique_ptr<storage::Scan> state;
  bool holds_name = false;  // of its options: nobody else attaches to it
  bool in_call = false;
  bool queued = false;
  bool ended = false;
  std::uint32_t failures = 0;    // in a row
  std::int64_t retry_at_ns = 0;  // 0: not waiting

 private:
  const std::string label_;
};

}  // namespace belay::engine
