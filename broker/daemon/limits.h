// What one client may ask of the daemon, in one place. Whoever refuses something names the bound and
// what was asked for, before anything is queued.
#pragma once

#include <cstddef>
#include <cstdint>

namespace belay::daemon {

struct Limits {
  // Told to the client in Welcome.
  std::uint32_t max_frame_bytes = 66U << 20U;  // room for one value of the store's greatest size
  std::uint32_t max_payload_bytes = 16U << 20U;
  std::uint32_t max_calls_in_flight = 65'536;  // as a caller; and as a host, calls not yet answered
  std::uint32_t max_handles = 262'144;
  std::uint32_t max_snapshots = 256;         // each keeps old values on disk
  std::uint32_t max_store_requests = 1'024;  // not yet answered
  std::uint32_t max_exports = 1'024;         // that are not over

  // How long a session may outlive its connection, at most; 0: it never does.
  std::int64_t session_grace_ms = 30'000;
  // After how long a silent client's connection may count as lost, at most; 0: silence is no loss.
  std::int64_t session_lease_ms = 15'000;
  // Output kept for a client of such a session until it is acknowledged. More ends the session.
  std::uint32_t max_unacked_bytes = 128U << 20U;

  std::uint32_t default_call_timeout_ms = 30'000;
  // Frames towards a client are packed up to this, unless a single operation is larger.
  std::size_t pack_bytes = std::size_t{1} << 20U;
  // Output waiting for one client: above the first bound nothing more is read from it, above the second
  // it gets no new calls to run.
  std::size_t pause_reading_bytes = std::size_t{8} << 20U;
  std::size_t max_queued_bytes = std::size_t{64} << 20U;
  // Row blocks of one scan that the client's stream has not yet taken.
  std::uint32_t scan_blocks_ahead = 4;
  std::size_t scan_block_bytes = std::size_t{256} << 10U;
};

inline constexpr std::size_t kMaxNameBytes = 255;
inline constexpr std::uint32_t kProtocolVersion = 1;

}  // namespace belay::daemon
