#include "broker/daemon/health_service.h"

#include <string>

namespace belay::daemon {
namespace {

using grpc::health::v1::HealthCheckResponse;

constexpr std::int64_t kLookEveryNs = 1'000'000'000;

HealthCheckResponse::ServingStatus ToWire(bool is_serving) {
  return is_serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

}  // namespace

void HealthCheck::Request(const HealthDoor& door) {
  auto* const call = new HealthCheck(door);
  door.service.RequestCheck(&call->context_, &call->request_, &call->responder_, &door.loop.queue(),
                            &door.loop.queue(), call->begun_.tag());
}

void HealthCheck::OnBegun(bool ok) {
  if (!ok) {  // the server is shut down
    delete this;
    return;
  }
  Request(door_);
  const auto is_serving = door_.health.IsServing(request_.service());
  if (!is_serving) {
    return responder_.FinishWithError(
        {grpc::StatusCode::NOT_FOUND, "there is no service \"" + request_.service() + "\" here"},
        answered_.tag());
  }
  HealthCheckResponse response;
  response.set_status(ToWire(*is_serving));
  responder_.Finish(response, grpc::Status::OK, answered_.tag());
}

void HealthWatch::Request(const HealthDoor& door) {
  auto* const watch = new HealthWatch(door);
  watch->context_.AsyncNotifyWhenDone(watch->gone_.tag());
  door.service.RequestWatch(&watch->context_, &watch->request_, &watch->writer_, &door.loop.queue(),
                            &door.loop.queue(), watch->begun_.tag());
}

void HealthWatch::OnBegun(bool ok) {
  if (!ok) {  // the server is shut down: gone_ will not come either
    delete this;
    return;
  }
  Request(door_);
  Look();
}

void HealthWatch::Look() {
  door_.hub.deadlines.Set(*this, door_.hub.clock().MonotonicNs() + kLookEveryNs);
  if (is_writing_) return;
  const auto is_serving = door_.health.IsServing(request_.service());
  const auto status = is_serving ? ToWire(*is_serving) : HealthCheckResponse::SERVICE_UNKNOWN;
  if (told_ == status) return;
  told_ = status;
  is_writing_ = true;
  Response response;
  response.set_status(status);
  writer_.Write(response, written_.tag());
}

void HealthWatch::OnWritten(bool) {
  is_writing_ = false;
  FinishIfGone();
}

void HealthWatch::OnGone(bool) {
  is_gone_ = true;
  Withdraw();
  FinishIfGone();
}

void HealthWatch::FinishIfGone() {
  if (is_gone_ && !is_writing_) writer_.Finish(grpc::Status::CANCELLED, finished_.tag());
}

void HealthWatch::OnFinished(bool) { delete this; }

}  // namespace belay::daemon
