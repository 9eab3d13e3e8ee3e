// Outbox: what waits to be written to one client, packed into frames.
//
// Operations are built in place, in the arena of the frame that will carry them, so that a payload that
// was moved in is copied only once more, into the bytes on the wire. For a session that can be resumed
// frames stay here until the client has acknowledged them.
//
// Invariants
//   - Operations are numbered from 1 without gaps, in order of Add(), and leave in that order; after a
//     Rewind() with the numbers that they had.
//   - What has been given out once is not changed any more.
//   - A frame holds at most `pack_bytes`, unless a single operation is larger.
//   - A Taken is told once: when the frame with its operation has been written, or will never be.
//
// Thread safety: none; everything happens on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "google/protobuf/arena.h"

namespace belay::v1 {
class ServerFrame;
class ServerOperation;
}  // namespace belay::v1

namespace belay::daemon {

using Taken = std::function<void()>;

class Outbox {
 public:
  struct Frame {
    google::protobuf::Arena arena;
    v1::ServerFrame* message = nullptr;  // in the arena
    std::size_t bytes = 0;               // an upper estimate
    std::vector<Taken> taken;
  };

  explicit Outbox(std::size_t pack_bytes) : pack_bytes_(pack_bytes) {}
  ~Outbox();

  // From now on keeps what it gives out until it is acknowledged.
  void KeepUntilAcked() { keeps_ = true; }

  // A new operation, to be filled in before the next call. `payload_bytes`: of its strings together.
  v1::ServerOperation& Add(std::size_t payload_bytes = 0, Taken taken = nullptr);
  // Number of the last operation added.
  std::uint64_t added() const { return added_; }
  // The operation of that number, if no frame with it has been given out; else null.
  v1::ServerOperation* FindUnsent(std::uint64_t number);

  // The next frame, with `ack`; null if there is none.
  std::shared_ptr<Frame> Take(std::uint64_t ack);
  // A frame without operations, which only carries `ack`.
  static std::shared_ptr<Frame> AckOnly(std::uint64_t ack);
  // The client has received everything up to this number. REQUIRES: ack <= sent()
  void OnAck(std::uint64_t ack);
  // Whoever took frames is gone: those that were kept are given out again, after one of its own with an
  // operation that takes no number, which this returns.
  v1::ServerOperation& Rewind();
  // Forgets everything: the client is gone.
  void Clear();

  // Nothing waits to be taken.
  bool empty() const { return next_ == frames_.size() && greeting_ == nullptr; }
  // Of what waits to be taken.
  std::size_t queued_bytes() const { return queued_bytes_; }
  // Of what has been given out and not been acknowledged.
  std::size_t kept_bytes() const { return kept_bytes_; }
  // Number of the last operation that Take() has given out.
  std::uint64_t sent() const { return sent_; }

 private:
  const std::size_t pack_bytes_;
  bool keeps_ = false;
  std::shared_ptr<Frame> greeting_;
  std::deque<std::shared_ptr<Frame>> frames_;
  std::size_t next_ = 0;  // those before it have been given out, and are kept
  std::size_t queued_bytes_ = 0;
  std::size_t kept_bytes_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace belay::daemon
