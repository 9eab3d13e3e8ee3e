// Store requests of a session: which callback filters a scan is settled here, in order with the
// session's other operations; the rest is the StoreQueue's.
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"
#include "broker/daemon/store_queue.h"

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;

void Session::OnStore(v1::StoreRequest& request) {
  if (RefuseWhileDraining(request.request_id())) return;
  const auto filter = [&]() -> Result<Handle> {
    const bool has_name = request.has_scan() && !request.scan().filter_name().empty();
    if (request.filter_handle() == 0 && !has_name) return Handle{0};
    if (!request.has_scan())
      return Status(Code::kInvalidArgument, "filter_handle is for scans only");
    if (request.filter_handle() != 0 && has_name) {
      return Status(Code::kInvalidArgument, "filter_handle and filter_name exclude each other");
    }
    // A handle of its own: the client may release the one it named before the scan begins.
    if (has_name) {
      auto found = hub_.broker().Resolve(request.scan().filter_name());
      if (!found.ok()) return found;
      return registry::Registry::Retain(*found, owner_, 0);
    }
    const auto entry = table_.FindCallback(request.filter_handle());
    if (!entry.ok()) return entry.status();
    return registry::Registry::Retain((*entry)->handle, owner_, 0);
  }();
  if (!filter.ok()) return ReplyStatus(request.request_id(), filter.status());
  store_->Submit(request, *filter);
}

void Session::SendRows(std::uint64_t request_id, std::string block, Taken taken) {
  v1::Rows& rows = *outbox_.Add(block.size(), std::move(taken)).mutable_rows();
  rows.set_request_id(request_id);
  rows.set_block(std::move(block));
  peer_->WantsFlush();
}

void Session::AfterAnswer() {
  if (hub_.draining()) EndIfIdle();
}

}  // namespace belay::daemon
