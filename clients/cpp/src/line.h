// Line: the numbered sequence of operations between a client and its session, over as many connections as
// it takes (W3, W9). It knows frames, not connections, and no time: Stream has both.
//
// Where the session can be resumed, frames are kept until the broker has acknowledged them. A connection
// begins with Hello and Welcome; those of one that resumes say, as the acks of their frames, how far the other
// side has got, and what is beyond is sent again with the numbers that it had.
//
// Invariants
//   - Operations are numbered in order of Add(), without gaps, and each reaches the broker's session once.
//   - Nothing but the Hello leaves before the Welcome has come.
//   - What TakeNeverSent() gives was in no frame: the broker has not seen it and never will.
//
// Thread safety: none; Stream guards it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "belay/client/status.h"
#include "belay/v1/session.pb.h"

namespace belay::client {

using Operation = std::unique_ptr<v1::ClientOperation>;

class Line {
 public:
  // `hello` is what each new session begins with.
  explicit Line(v1::Hello hello) : hello_(std::move(hello)) {}

  // A connection is up, on which nothing has been said yet.
  void Connect();
  // It is gone. What comes now waits for the next.
  void Disconnect() { phase_ = Phase::kDown; }
  // The session is over: the next connection begins a new one. Whatever was queued or kept is forgotten, but
  // for the operations that no frame has carried.
  std::vector<Operation> TakeNeverSent();

  void Add(Operation operation);
  // The next frame to be written, if one is due. It does not change until the next Connect().
  std::shared_ptr<const v1::ClientFrame> Take();

  // Reads a frame's numbers; `first_new` is the index of its first operation that has not come before.
  // INTERNAL if the broker breaks the protocol.
  Status OnFrame(const v1::ServerFrame& frame, int* first_new);

  // The Welcome has come, and the connection still stands.
  bool is_up() const { return phase_ == Phase::kUp; }
  bool can_resume() const { return !resume_token_.empty(); }
  std::uint32_t lease_ms() const { return lease_ms_; }
  // Waits to be sent, or to be acknowledged.
  std::size_t held_bytes() const { return queued_bytes_ + kept_bytes_; }
  bool has_unsent() const { return !queue_.empty() || resend_ != kept_.size(); }

 private:
  enum class Phase { kDown, kHello, kWelcome, kUp };  // down; Hello, or Welcome, is to come; up
  struct Queued {
    Operation operation;
    std::size_t bytes = 0;
  };
  struct Kept {
    std::shared_ptr<v1::ClientFrame> frame;
    std::size_t bytes = 0;
  };

  std::shared_ptr<v1::ClientFrame> TakeHello();
  std::shared_ptr<v1::ClientFrame> Pack();
  Status OnGreeting(const v1::ServerFrame& frame);
  void OnAck(std::uint64_t ack);

  const v1::Hello hello_;
  Phase phase_ = Phase::kDown;
  std::string resume_token_;
  std::uint32_t lease_ms_ = 0;
  std::size_t max_frame_bytes_ = SIZE_MAX;

  std::deque<Queued> queue_;  // what no frame has carried
  std::deque<Kept> kept_;     // what has not been acknowledged
  std::size_t resend_ = 0;    // those from here on are to be sent again
  std::size_t queued_bytes_ = 0;
  std::size_t kept_bytes_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t acked_ = 0;  // of those received
  std::size_t bytes_since_ack_ = 0;
};

}  // namespace belay::client
