// FakeBroker: enough of a broker, in the test's own process, to drive a client: names, handles, calls
// between sessions, Released, a store in a map, scans with a filter, watches. And what a real broker
// never does: answers that a test scripts, frames out of order, a connection that just goes.
//
// Thread safety: every method may be called from any thread; one lock serves everything.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace belay::v1 {
class ClientOperation;
class ServerFrame;
class ServerOperation;
}  // namespace belay::v1

namespace belay::client {

class FakeBroker {
 public:
  // Sends to the client that it was given for.
  using Send = std::function<void(v1::ServerOperation)>;
  // Sees each operation first; true: it is dealt with.
  using Script = std::function<bool(const v1::ClientOperation& operation, const Send& send)>;

  FakeBroker();
  ~FakeBroker();

  // "unix:/..."
  const std::string& target() const;
  void SetScript(Script script);
  void SetLimits(std::uint32_t max_payload_bytes, std::uint32_t max_calls_in_flight);
  void SetMaxFrameBytes(std::uint32_t max_frame_bytes);
  // Breaks every connection, without a word.
  void CutConnections();
  // Sends a frame that breaks the numbering to every client.
  void SendOutOfSequence();
  // Largest number of operations seen in one frame.
  int LargestFrame() const;
  std::size_t LargestFrameBytes() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace belay::client
