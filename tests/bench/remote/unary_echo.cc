#include "tests/bench/remote/unary_echo.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "tests/bench/remote/belay.h"

namespace belay::bench {
namespace {

constexpr std::string_view kWho = "unary gRPC";

}  // namespace

UnaryEcho::UnaryEcho(const std::string& target)
    : stub_(v1::Broker::NewStub(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()))) {
  request_.set_name(kEchoName);
  request_.set_payload(std::string(kPayload));
}

UnaryEcho::~UnaryEcho() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void UnaryEcho::Call(int in_flight, int calls) {
  for (int i = 0; i < in_flight; ++i) Begin();
  void* tag = nullptr;
  bool ok = false;
  for (int to_begin = calls - in_flight, to_end = calls; to_end != 0; --to_end) {
    if (!queue_.Next(&tag, &ok)) GiveUp(kWho, "the completion queue is shut down");
    const std::unique_ptr<Calling> ended(static_cast<Calling*>(tag));
    Check(ended->status, ended->response);
    if (to_begin == 0) continue;
    --to_begin;
    Begin();
  }
}

void UnaryEcho::CallOnce() {
  grpc::ClientContext context;
  v1::InvokeResponse response;
  const grpc::Status status = stub_->Invoke(&context, request_, &response);
  Check(status, response);
}

void UnaryEcho::Begin() {
  auto calling = std::make_unique<Calling>();
  calling->reader = stub_->AsyncInvoke(&calling->context, request_, &queue_);
  Calling* const tag = calling.release();  // Call() takes it back with its event
  tag->reader->Finish(&tag->response, &tag->status, tag);
}

void UnaryEcho::Check(const grpc::Status& status, const v1::InvokeResponse& response) const {
  if (!status.ok()) GiveUp(kWho, status.error_message());
  if (response.status().code() != 0) GiveUp(kWho, response.status().message());
  CheckAnswer(kWho, response.payload());
}

}  // namespace belay::bench
