#include "broker/daemon/scan_job.h"

#include <asio/post.hpp>
#include <utility>

#include "broker/daemon/session.h"
#include "broker/daemon/store_wire.h"

namespace belay::daemon {

using base::Code;
using base::Status;

ScanJob::ScanJob(std::shared_ptr<StoreQueue> queue, std::uint64_t request_id,
                 const v1::ScanRequest& request, StoreReferences references, std::string caller)
    : queue_(std::move(queue)),
      request_id_(request_id),
      request_(request),
      references_(std::move(references)),
      caller_(std::move(caller)) {}

ScanJob::~ScanJob() {
  for (const registry::Handle hook : {references_.callback, references_.projection})
    if (hook != 0) (void)registry::Registry::Release(hook);
}

void ScanJob::Open() {
  if (queue_->stopped()) return;
  engine::Broker& broker = queue_->hub().broker();
  if (auto store = broker.store(); !store.ok()) return End(store.status());
  auto scan = ToScanOptions(broker, references_.snapshot, request_);
  references_.snapshot.reset();
  if (!scan.ok()) return End(scan.status());
  engine::CursorOptions options;
  options.scan = std::move(*scan);
  options.filter = references_.callback;
  options.projection = references_.projection;
  options.caller = caller_;
  auto cursor = engine::Cursor::Open(queue_->hub().shared_broker(), options);
  if (!cursor.ok()) return End(cursor.status());
  cursor_ = std::move(*cursor);
  PullLater();
}

void ScanJob::PullLater() {
  Hub& hub = queue_->hub();
  const bool asks = references_.callback != 0 || references_.projection != 0;
  asio::post(asks ? hub.hook_workers : hub.store_workers,
             [self = shared_from_this()] { self->Pull(); });
}

void ScanJob::Pull() {
  const Limits& limits = queue_->hub().limits();
  while (!queue_->stopped()) {
    {
      const std::lock_guard lock(mutex_);
      if (blocks_ahead_ >= limits.scan_blocks_ahead) {
        is_resting_ = true;
        return;
      }
      ++blocks_ahead_;
    }
    std::size_t needed_bytes = 0;
    auto block = cursor_->Next(limits.scan_block_bytes, &needed_bytes);
    if (block.code() == Code::kBufferTooSmall) block = cursor_->Next(needed_bytes, &needed_bytes);
    if (!block.ok()) return End(block.code() == Code::kEnd ? Status() : block.status());
    auto rows = std::make_shared<std::string>(std::move(*block));
    queue_->Deliver([self = shared_from_this(), rows](Session& session) {
      session.SendRows(self->request_id_, std::move(*rows), [self] { self->OnTaken(); });
    });
  }
}

void ScanJob::OnTaken() {
  const std::lock_guard lock(mutex_);
  --blocks_ahead_;
  if (std::exchange(is_resting_, false)) PullLater();
}

void ScanJob::End(const Status& status) {
  const storage::Revision revision = status.ok() ? cursor_->revision() : 0;
  queue_->Finish([id = request_id_, status, revision](Session& session) {
    session.SendScanEnd(id, status, revision);
  });
}

}  // namespace belay::daemon
