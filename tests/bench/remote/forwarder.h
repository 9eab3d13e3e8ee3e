// The least that a broker can do: a process that reads whatever there is from one side and writes it to the
// other, over unix sockets, with Asio and nothing else. What it carries has a call's number and its payload.
//
// It looks at nothing, guards nothing, knows no names and survives nobody's death: the bound that no broker
// which does is expected to reach.
//
// Thread safety: one thread at a time.
#pragma once

#include <sys/types.h>

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/folder.h"
#include "tests/bench/remote/echo.h"
#include "tests/bench/remote/roles.h"

namespace belay::bench {

// A call or an answer.
struct ForwardedMessage {
  std::uint64_t call_id = 0;
  char payload[kPayloadBytes] = {};
};

// Whole messages over a socket; both ways block.
class MessageSocket {
 public:
  // Connects to the socket at `path`. Ends the process with status 2 if it cannot.
  explicit MessageSocket(const std::string& path);

  // All messages that are there, after waiting for the first. Valid until the next Read().
  std::span<const ForwardedMessage> Read();
  void Write(std::span<const ForwardedMessage> messages);

 private:
  asio::io_context io_;
  asio::local::stream_protocol::socket socket_{io_};
  std::vector<ForwardedMessage> received_;
  std::size_t received_bytes_ = 0;
  std::size_t given_bytes_ = 0;  // of whole messages, from the front
};

// The forwarder, its host, and a caller.
class ForwarderEcho final : public Echo {
 public:
  void Call(int in_flight, int calls) override;
  void CallOnce() override { Call(1, 1); }
  pid_t broker() const { return forwarder_.pid(); }

 private:
  // Appends one call to what is to be written.
  void Add();
  void Check(const ForwardedMessage& answer);

  // In this order they start, and connect.
  Folder folder_;
  const std::string path_ = folder_.At("forwarder");
  RoleProcess forwarder_{"forwarder", path_};
  RoleProcess host_{"forwarder_host", path_};
  MessageSocket socket_{path_};
  std::vector<ForwardedMessage> to_write_;
  std::uint64_t last_sent_ = 0;
  std::uint64_t last_answered_ = 0;
};

}  // namespace belay::bench
