// Outbox: what waits to be written to one client, packed into frames.
//
// Operations are built in place, in the arena of the frame that will carry them, so that a payload that
// was moved in is copied only once more, into the bytes on the wire.
//
// Invariants
//   - Operations leave in order of Add(), numbered from 1 without gaps.
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

  // A new operation, to be filled in before the next call. `payload_bytes`: of its strings together.
  v1::ServerOperation& Add(std::size_t payload_bytes = 0, Taken taken = nullptr);

  // The next frame, numbered and with `ack`; null if there is none.
  std::unique_ptr<Frame> Take(std::uint64_t ack);
  // A frame without operations, which only carries `ack`.
  static std::unique_ptr<Frame> AckOnly(std::uint64_t ack);
  // Forgets what has not been taken: the client is gone.
  void Clear();

  bool empty() const { return frames_.empty(); }
  std::size_t queued_bytes() const { return queued_bytes_; }
  // Number of the last operation that Take() has given out.
  std::uint64_t sent() const { return sent_; }

 private:
  const std::size_t pack_bytes_;
  std::deque<std::unique_ptr<Frame>> frames_;
  std::size_t queued_bytes_ = 0;
  std::uint64_t sent_ = 0;
};

}  // namespace belay::daemon
