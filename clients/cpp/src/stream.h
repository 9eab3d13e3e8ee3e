// Stream: the session's bidirectional gRPC stream, as a packed, numbered sequence of operations.
//
// One thread serves the completion queue: it drains every event that is ready, hands the operations on,
// and then writes once. Operations sent meanwhile wait and share a frame. A thread that sends while
// nothing is being written writes itself, so that a lone operation costs no thread switch.
//
// Invariants
//   - At most one write is outstanding; whoever sets `is_writing_` owns the write and the numbering.
//   - Frames leave in order of Send(); sequence numbers have no gaps; a frame keeps within the limit
//     unless a single operation exceeds it.
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

namespace belay::v1 {
class ClientOperation;
class ServerOperation;
}  // namespace belay::v1

namespace belay::client {

using Operation = std::unique_ptr<v1::ClientOperation>;

class Stream {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnOperation(v1::ServerOperation& operation) = 0;
    virtual void OnTimer() = 0;
    virtual void OnEnded(const Status& status, std::vector<Operation> unsent) = 0;
  };

  explicit Stream(const std::string& target);
  ~Stream();  // REQUIRES: Join() has returned, or Start() was never called

  // Opens the stream and starts the thread, which keeps `listener` until it ends. Call once.
  void Start(std::shared_ptr<Listener> listener);
  // Queues an operation; false when the stream has ended, and then the operation is dropped.
  bool Send(Operation operation);
  // Has OnTimer() called once after about `delay_ms`, unless that is pending already.
  void ArmTimer(std::uint32_t delay_ms);
  void SetMaxFrameBytes(std::uint32_t max_bytes);

  // Sends what is queued, then tells the broker that nothing more comes.
  void HalfClose();
  // Ends the stream at once.
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
