#include "broker/daemon/store_queue.h"

#include <asio/post.hpp>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/scan_job.h"
#include "broker/daemon/session.h"
#include "broker/daemon/status_wire.h"
#include "broker/daemon/store_wire.h"

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

// Runs a get, put or delete.
Status Run(engine::Broker& broker, v1::StoreRequest& request, v1::StoreResponse* response) {
  const auto store = broker.store();
  if (!store.ok()) return store.status();
  switch (request.request_case()) {
    case v1::StoreRequest::kGet: return RunGet(broker, request.get(), response->mutable_get());
    case v1::StoreRequest::kPut: return RunPut(broker, request.put(), response->mutable_put());
    case v1::StoreRequest::kDelete:
      return RunDelete(broker, request.delete_(), response->mutable_delete_());
    default:
      return Status(Code::kInvalidArgument, "the store request names no operation known here");
  }
}

}  // namespace

StoreQueue::StoreQueue(Session& session)
    : hub_(session.hub()),
      session_(&session),
      strand_(asio::make_strand(hub_.store_workers.get_executor())) {}

void StoreQueue::Submit(v1::StoreRequest& request, registry::Handle filter) {
  const std::uint64_t request_id = request.request_id();
  if (unanswered_ >= hub_.limits().max_store_requests) {
    if (filter != 0) (void)registry::Registry::Release(filter);
    return session_->ReplyStatus(
        request_id, Status(Code::kResourceExhausted,
                           std::to_string(unanswered_) +
                               " store requests are unanswered, max_store_requests is " +
                               std::to_string(hub_.limits().max_store_requests),
                           "TOO_MANY_STORE_REQUESTS"));
  }
  ++unanswered_;
  if (request.has_scan()) {
    auto job = std::make_shared<ScanJob>(shared_from_this(), request_id, request.scan(), filter,
                                         session_->client_name());
    asio::post(strand_, [job = std::move(job)] { job->Open(); });
    return;
  }
  // Out of the frame's arena, which is about to be reset; strings are moved, not copied.
  auto own = std::make_shared<v1::StoreRequest>();
  own->set_request_id(request_id);
  if (request.has_put()) {
    v1::PutRequest& put = *own->mutable_put();
    put.set_key(std::move(*request.mutable_put()->mutable_key()));
    put.set_value(std::move(*request.mutable_put()->mutable_value()));
    put.set_durability(request.put().durability());
    put.set_if_absent(request.put().if_absent());
    put.set_if_revision(request.put().if_revision());
  } else {
    own->CopyFrom(request);
  }
  asio::post(strand_, [self = shared_from_this(), own = std::move(own)] {
    if (self->stopped()) return;
    const auto response =
        std::make_shared<std::unique_ptr<v1::StoreResponse>>(std::make_unique<v1::StoreResponse>());
    const Status status = Run(self->hub_.broker(), *own, response->get());
    self->Finish([id = own->request_id(), status, response](Session& session) {
      v1::Reply& reply = session.AddReply(id, (*response)->ByteSizeLong());
      if (!status.ok()) ToWire(status, reply.mutable_status());
      // The frame's arena takes it over.
      reply.set_allocated_store(response->release());
    });
  });
}

void StoreQueue::Stop() {
  session_ = nullptr;
  stopped_.store(true, std::memory_order_relaxed);
}

void StoreQueue::Deliver(std::function<void(Session&)> answer) {
  hub_.inbox.Post([self = shared_from_this(), answer = std::move(answer)] {
    if (self->session_ != nullptr) answer(*self->session_);
  });
}

void StoreQueue::Finish(std::function<void(Session&)> answer) {
  Deliver([self = shared_from_this(), answer = std::move(answer)](Session& session) {
    --self->unanswered_;
    answer(session);
    session.AfterAnswer();
  });
}

}  // namespace belay::daemon
