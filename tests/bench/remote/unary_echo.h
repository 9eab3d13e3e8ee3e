// A caller without a session: unary gRPC calls by the generated stub, one thread with a completion queue, as
// a program in any language would make them.
//
// Thread safety: one thread at a time.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <string>

#include "belay/v1/session.grpc.pb.h"
#include "tests/bench/remote/echo.h"

namespace belay::bench {

class UnaryEcho final : public Echo {
 public:
  explicit UnaryEcho(const std::string& target);
  ~UnaryEcho() override;

  void Call(int in_flight, int calls) override;
  void CallOnce() override;

 private:
  // A call in flight; its address is the tag of its event.
  struct Calling {
    grpc::ClientContext context;
    v1::InvokeResponse response;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<v1::InvokeResponse>> reader;
  };

  void Begin();
  void Check(const grpc::Status& status, const v1::InvokeResponse& response) const;

  std::unique_ptr<v1::Broker::Stub> stub_;
  v1::InvokeRequest request_;
  grpc::CompletionQueue queue_;
};

}  // namespace belay::bench
