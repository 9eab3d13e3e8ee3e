// Endpoint: one side of a relayed connection, as a stream of bytes that never blocks.
//
// Thread safety: none; the relays' thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace belay::daemon {

enum class Progress : std::uint8_t {
  kDone,       // some bytes, at least one
  kWantRead,   // none now: again when the descriptor is readable
  kWantWrite,  // none now: again when it is writable
  kEnd,        // the other side sends no more
  kFailed,     // the connection is gone
};

struct Transfer {
  Progress progress = Progress::kFailed;
  std::size_t bytes = 0;
};

class Endpoint {
 public:
  virtual ~Endpoint() = default;
  virtual Transfer Read(std::span<std::uint8_t> buffer) = 0;
  virtual Transfer Write(std::span<const std::uint8_t> bytes) = 0;
  // There is more to Read() than the descriptor shows.
  virtual bool HasBuffered() const = 0;
  // Nothing more will be written; the other side may still be read.
  virtual void EndWriting() = 0;
  // The common name of the certificate that the other side has proved to hold; empty if it had none.
  virtual std::string CertificateName() const { return {}; }
  // After kFailed: what the other side did wrong; empty if it is only gone.
  virtual std::string_view failure() const { return {}; }
};

// The bytes as they are on a non-blocking socket, which outlives it.
std::unique_ptr<Endpoint> MakeSocketEndpoint(int fd);

}  // namespace belay::daemon
