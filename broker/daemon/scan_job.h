// ScanJob: one scan of a session, pulled as fast as the client takes its blocks, and no faster.
//
// Invariants
//   - At most `scan_blocks_ahead` blocks of it wait in the outbox; then the job rests, holding no thread,
//     until the stream has taken one.
//   - Rows come in order, then one Reply.
//
// Thread safety: Open() and Pull() run on workers, never at the same time; OnTaken() on the loop's
// thread, beside them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "belay/v1/storage.pb.h"
#include "broker/base/status.h"
#include "broker/daemon/store_job.h"
#include "broker/daemon/store_queue.h"
#include "broker/engine/cursor.h"

namespace belay::daemon {

class ScanJob : public std::enable_shared_from_this<ScanJob> {
 public:
  // Takes over the hooks in `references`.
  ScanJob(std::shared_ptr<StoreQueue> queue, std::uint64_t request_id,
          const v1::ScanRequest& request, StoreReferences references, std::string caller);
  ~ScanJob();

  // Takes the snapshot, then goes on by itself.
  void Open();

 private:
  void Pull();
  void PullLater();
  void OnTaken();
  void End(const base::Status& status);

  const std::shared_ptr<StoreQueue> queue_;
  const std::uint64_t request_id_;
  const v1::ScanRequest request_;
  StoreReferences references_;
  const std::string caller_;
  registry::Ref<engine::Cursor> cursor_;

  std::mutex mutex_;
  std::uint32_t blocks_ahead_ = 0;
  bool is_resting_ = false;
};

}  // namespace belay::daemon
