// InvokeCall: one unary Broker.Invoke, for clients without a session.
//
// It takes the same way as a session's call: by name to a handle, through the registry to the host.
//
// Life. As SessionStream: Request() waits for a caller and hands over to the next. The answer, the
// deadline or the caller's going away ends it, whichever comes first; the others find it answered.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>

#include "broker/daemon/account.h"
#include "broker/daemon/broker_service.h"
#include "broker/daemon/deadlines.h"
#include "broker/daemon/loop.h"

namespace belay::daemon {

class InvokeCall final : private Deadlines::Entry, public std::enable_shared_from_this<InvokeCall> {
 public:
  static void Request(BrokerService& service, Loop& loop, Hub& hub);

  InvokeCall(BrokerService& service, Loop& loop, Hub& hub)
      : service_(service), loop_(loop), hub_(hub) {
    loop_.AddCall();
  }
  ~InvokeCall() override { loop_.RemoveCall(); }

 private:
  void OnBegun(bool ok);
  void OnGone(bool ok);
  void OnAnswered(bool ok);
  void OnDeadline() override;

  void Start();
  std::int64_t DeadlineNs() const;
  void OnOutcome(registry::Outcome outcome);
  void GiveUp(const base::Status& why);
  void Answer(registry::Outcome outcome);
  // To a caller of whom nobody knows who it is.
  void AnswerUnknown(const base::Status& why);

  BrokerService& service_;
  Loop& loop_;
  Hub& hub_;
  grpc::ServerContext context_;
  v1::InvokeRequest request_;
  v1::InvokeResponse response_;
  grpc::ServerAsyncResponseWriter<v1::InvokeResponse> responder_{&context_};
  EventOf<InvokeCall, &InvokeCall::OnBegun> begun_{this};
  EventOf<InvokeCall, &InvokeCall::OnGone> gone_{this};
  EventOf<InvokeCall, &InvokeCall::OnAnswered> answered_{this};

  // What keeps the object alive: one for each event to come, and one in the call itself.
  std::shared_ptr<InvokeCall> self_begun_;
  std::shared_ptr<InvokeCall> self_gone_;
  std::shared_ptr<InvokeCall> self_answered_;
  HostCall host_call_;
  std::shared_ptr<Account> account_;  // of the caller's identity, once it is known
  Account::CallCharge charge_;
  bool is_answered_ = false;
};

}  // namespace belay::daemon
