// SessionStream: the gRPC stream under a session.
//
// Reads frames, one at a time, and feeds them to the session; writes what the session leaves in its
// outbox, one frame at a time. While a frame is being written the next one fills up.
//
// Frames are parsed and built here, not by gRPC: so a frame that is no ClientFrame can be answered with
// what is wrong with it, and each lives in an arena.
//
// Life. Request() waits for a client, hands over to the next when one comes, and the object destroys
// itself when the stream has finished and no event is outstanding. The session may go on without it, or
// turn out to be one that another stream began.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <utility>
#include <vector>

#include "broker/base/status.h"
#include "broker/daemon/broker_service.h"
#include "broker/daemon/deadlines.h"
#include "broker/daemon/loop.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

class SessionStream final : public Session::Peer, public Flushable, private Deadlines::Entry {
 public:
  // Waits for a client. Call once; each stream that begins asks for the next.
  static void Request(BrokerService& service, Loop& loop, Hub& hub);

  void WantsFlush() override { loop_.FlushLater(*this); }
  void Finish(const base::Status& status) override;
  void MoveTo(std::shared_ptr<Session> session) override { session_ = std::move(session); }
  void Drop(const base::Status& status) override;
  void Flush() override;

 private:
  SessionStream(BrokerService& service, Loop& loop, Hub& hub);
  ~SessionStream() override;

  void OnBegun(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnDeadline() override;

  void ReadNext();
  void Apply();
  bool IsAckDue() const;
  void Write(std::shared_ptr<Outbox::Frame> frame);

  BrokerService& service_;
  Loop& loop_;
  Hub& hub_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&context_};
  EventOf<SessionStream, &SessionStream::OnBegun> begun_{this};
  EventOf<SessionStream, &SessionStream::OnRead> read_{this};
  EventOf<SessionStream, &SessionStream::OnWritten> written_{this};
  EventOf<SessionStream, &SessionStream::OnFinished> finished_{this};

  std::shared_ptr<Session> session_;  // null once dropped
  std::size_t bytes_since_ack_ = 0;
  grpc::ByteBuffer inbound_;
  std::vector<Taken> being_written_;
  base::Status final_status_;
  bool is_reading_ = false;
  bool is_read_paused_ = false;
  bool is_writing_ = false;
  bool is_broken_ = false;     // writes fail: nobody is there
  bool is_finishing_ = false;  // the session has ended: write the rest, then Finish
  bool is_finish_sent_ = false;
  bool is_finished_ = false;
};

}  // namespace belay::daemon
