// The gRPC service grpc.health.v1.Health, on the loop.
//
// gRPC brings one of its own, for whose sake two of its threads wait for the events of every connection: they took
// each frame of a session first and then woke the loop, which so cost twice the processor. This has no thread.
//
// Life of both calls: as InvokeCall. A watch looks once a second, and writes when what it sees has changed.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <optional>

#include "broker/daemon/deadlines.h"
#include "broker/daemon/health.h"
#include "broker/daemon/loop.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace belay::daemon {

using HealthService = grpc::health::v1::Health::AsyncService;

// What both calls need.
struct HealthDoor {
  HealthService& service;
  const Health& health;
  Loop& loop;
  Hub& hub;
};

class HealthCheck {
 public:
  static void Request(const HealthDoor& door);

 private:
  explicit HealthCheck(const HealthDoor& door) : door_(door) { door_.loop.AddCall(); }
  ~HealthCheck() { door_.loop.RemoveCall(); }
  void OnBegun(bool ok);
  void OnAnswered(bool /*ok*/) { delete this; }

  const HealthDoor door_;
  grpc::ServerContext context_;
  grpc::health::v1::HealthCheckRequest request_;
  grpc::ServerAsyncResponseWriter<grpc::health::v1::HealthCheckResponse> responder_{&context_};
  EventOf<HealthCheck, &HealthCheck::OnBegun> begun_{this};
  EventOf<HealthCheck, &HealthCheck::OnAnswered> answered_{this};
};

class HealthWatch final : private Deadlines::Entry {
 public:
  static void Request(const HealthDoor& door);

 private:
  using Response = grpc::health::v1::HealthCheckResponse;

  explicit HealthWatch(const HealthDoor& door) : door_(door) { door_.loop.AddCall(); }
  ~HealthWatch() override { door_.loop.RemoveCall(); }
  void OnBegun(bool ok);
  void OnGone(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnDeadline() override { Look(); }

  void Look();
  void FinishIfGone();

  const HealthDoor door_;
  grpc::ServerContext context_;
  grpc::health::v1::HealthCheckRequest request_;
  grpc::ServerAsyncWriter<Response> writer_{&context_};
  EventOf<HealthWatch, &HealthWatch::OnBegun> begun_{this};
  EventOf<HealthWatch, &HealthWatch::OnGone> gone_{this};
  EventOf<HealthWatch, &HealthWatch::OnWritten> written_{this};
  EventOf<HealthWatch, &HealthWatch::OnFinished> finished_{this};
  std::optional<Response::ServingStatus> told_;
  bool is_writing_ = false;
  bool is_gone_ = false;
};

}  // namespace belay::daemon
