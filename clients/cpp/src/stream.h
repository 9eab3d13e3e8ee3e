// Stream: the gRPC connection under a client's session, and the next one when it is lost.
//
// One thread serves the completion queue: it drains every event that is ready, hands the operations on,
// and then writes once. Operations sent meanwhile wait and share a frame. A thread that sends while
// nothing is being written writes itself, so that a lone operation costs no thread switch. What is numbered,
// kept and sent again is Line's.
//
// Connections follow one another: the next is dialled when no event of the last is outstanding. A connection
// on which nothing was heard for the lease is given up; a Ping every third of it sees to it that something is.
//
// Invariants
//   - At most one write is outstanding; whoever sets `is_writing_` owns the write.
//   - An operation of one session never gets into another: Send() compares the generations.
//   - OnEnded() is called exactly once, last, and gets every operation that no frame carried.
//
// Thread safety: any thread may call any method; the listener is called on the stream's thread, never
// under a lock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "belay/client/status.h"
#include "clients/cpp/src/line.h"

namespace belay::client {

// What is to follow a connection that is lost.
enum class AfterLoss : std::uint8_t {
  kEnd,     // nothing
  kResume,  // another, on which the session goes on
  kRenew,   // another, with a session of its own
};

class Stream {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnOperation(v1::ServerOperation& operation) = 0;
    virtual void OnTimer() = 0;
    // A connection is lost, or could not be made.
    virtual AfterLoss OnLost(const Status& status) = 0;
    // How long to wait before another is made.
    virtual std::uint32_t NextDelayMs() = 0;
    // The session is over, and the next one will be of `generation`.
    virtual void OnRenewed(const Status& status, std::vector<Operation> never_sent,
                           std::uint64_t generation) = 0;
    virtual void OnEnded(const Status& status, std::vector<Operation> never_sent) = 0;
  };

  // `token`: brought to every connection; empty: none.
  Stream(std::string target, v1::Hello hello, std::string token);
  ~Stream();  // REQUIRES: Join() has returned, or Start() was never called

  // Makes the first connection and starts the thread, which keeps `listener` until it ends. Call once.
  void Start(std::shared_ptr<Listener> listener);
  // Queues an operation of the session of `generation`, the first being 0; false, and the operation is dropped,
  // when that session is over.
  bool Send(Operation operation, std::uint64_t generation);
  // The session could go on over another connection.
  bool CanResume() const;
  // While there is no connection: bytes that wait for one.
  std::size_t WaitingBytes() const;
  // Has OnTimer() called once after about `delay_ms`, unless that is pending already.
  void ArmTimer(std::uint32_t delay_ms);

  // Sends what is queued, then tells the broker that nothing more comes; without a connection, Cancel().
  void HalfClose();
  // Ends the connection at once; the listener is to say that nothing follows.
  void Cancel();
  // Waits for OnEnded() up to `timeout_ms`; true if it has returned.
  bool WaitEnded(std::uint32_t timeout_ms);
  // Waits for the thread to end; on that thread, lets it go on by itself.
  // REQUIRES: it has been told to end
  void Join();
  bool OnOwnThread() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace belay::client
