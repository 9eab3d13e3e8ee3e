// MessageMeter: how much of unfinished gRPC messages one connection has made the server keep.
//
// gRPC 1.51 compares a message with its limit only when the message is complete, and opens the flow-control
// window for whatever length its first five bytes claim: it gathers gigabytes that it will then refuse. So
// the guard counts what is gathered, as gRPC does: per stream, from DATA frames, each message behind a
// prefix of a flag and a length.
//
// Invariants
//   - unfinished_bytes() is the sum, over the streams that both sides still have open, of what has come of
//     a message that is not complete.
//   - At most kMaxEndedByServer streams are remembered that the server has ended and the client has not:
//     what is under way on them belongs to nobody, and must not be taken for a message.
//
// Thread safety: none; one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace belay::daemon {

class MessageMeter {
 public:
  static constexpr std::size_t kMaxEndedByServer = 1'024;

  // The client has begun a stream, and will send messages on it.
  void Begin(std::uint32_t stream) { streams_.try_emplace(stream); }
  // Bytes of DATA; of a stream that is not open they count nothing.
  void Add(std::uint32_t stream, std::span<const std::uint8_t> bytes);
  // The client has ended the stream, or given it up.
  void EndByClient(std::uint32_t stream);
  // The server has. The client may not know yet, and send on.
  void EndByServer(std::uint32_t stream);

  std::size_t unfinished_bytes() const { return unfinished_bytes_; }
  // Streams that are remembered: those that the client has not ended.
  std::size_t stream_count() const { return streams_.size(); }

 private:
  static constexpr std::size_t kPrefixBytes = 5;
  struct Stream {
    std::array<std::uint8_t, kPrefixBytes> prefix{};
    std::size_t prefix_bytes = 0;      // of prefix that have come
    std::uint64_t missing_bytes = 0;   // of the message behind it
    std::size_t unfinished_bytes = 0;  // of that message that have come
    bool is_ended_by_server = false;
  };
  void Forget(Stream& stream);

  std::map<std::uint32_t, Stream> streams_;  // whose client's side is open
  std::size_t ended_by_server_ = 0;          // of those
  std::size_t unfinished_bytes_ = 0;
};

}  // namespace belay::daemon
