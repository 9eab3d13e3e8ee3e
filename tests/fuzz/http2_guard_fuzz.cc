// Any bytes into the guard before gRPC: it must not crash, must not care how they are cut, and what it
// lets pass must keep the bound on header blocks, as a reader of its own here sees it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "broker/daemon/http2_guard.h"
#include "broker/daemon/testing/http2_bytes.h"

namespace {

using belay::daemon::GuardLimits;
using belay::daemon::GuardRule;
using belay::daemon::Http2Guard;
using belay::daemon::testing::Http2Bytes;
using belay::daemon::testing::kPreface;

constexpr std::size_t kHeaderBytes = 9;
constexpr std::uint8_t kHeaders = 1;
constexpr std::uint8_t kContinuation = 9;
constexpr std::uint8_t kEndHeaders = 4;

// Small: a fuzzer's inputs are short.
GuardLimits Limits() {
  GuardLimits limits;
  limits.max_header_block_bytes = 64;
  limits.max_resets_per_second = 2;
  limits.max_settings_per_second = 2;
  limits.max_pings_per_second = 2;
  limits.max_idle_frames_per_second = 2;
  limits.max_streams_before_ack = 2;
  limits.max_control_frame_bytes = 24;
  return limits;
}

[[noreturn]] void Violated(const char* what) {
  std::fprintf(stderr, "VIOLATED: %s\n", what);
  std::abort();
}

// REQUIRES: the guard let all of it pass.
void CheckHeaderBlocks(std::span<const std::uint8_t> bytes) {
  if (bytes.size() < kPreface.size()) return;
  bytes = bytes.subspan(kPreface.size());
  std::size_t block_bytes = 0;
  while (bytes.size() >= kHeaderBytes) {
    const std::size_t payload_bytes =
        std::size_t{bytes[0]} << 16U | std::size_t{bytes[1]} << 8U | bytes[2];
    const bool is_headers = bytes[3] == kHeaders;
    if (block_bytes != 0 && bytes[3] != kContinuation) Violated("a header block was interrupted");
    if (is_headers || block_bytes != 0) block_bytes += kHeaderBytes + payload_bytes;
    if (block_bytes > Limits().max_header_block_bytes) Violated("a header block beyond its bound");
    if ((bytes[4] & kEndHeaders) != 0 && block_bytes != 0) block_bytes = 0;
    if (bytes.size() - kHeaderBytes < payload_bytes) return;
    bytes = bytes.subspan(kHeaderBytes + payload_bytes);
  }
}

}  // namespace

// The first byte says how the rest is cut, and whether it comes after a proper opening: a fuzzer would
// not get past the preface otherwise.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece_bytes = 1 + data[0] % 64;
  std::vector<std::uint8_t> bytes;
  if (data[0] >= 64) bytes = Http2Bytes::Opening().bytes();
  bytes.insert(bytes.end(), data + 1, data + size);
  const std::span<const std::uint8_t> all = bytes;

  Http2Guard at_once(Limits());
  const GuardRule verdict = at_once.OnFromClient(all, 0);
  Http2Guard in_pieces(Limits());
  for (std::size_t at = 0; at < all.size(); at += piece_bytes)
    (void)in_pieces.OnFromClient(all.subspan(at, std::min(piece_bytes, all.size() - at)), 0);
  if (in_pieces.OnFromClient({}, 0) != verdict) Violated("the verdict depends on the cuts");
  if (in_pieces.is_open() != at_once.is_open()) Violated("being open depends on the cuts");
  if (verdict == GuardRule::kNone) CheckHeaderBlocks(all);

  Http2Guard of_server(Limits());
  (void)of_server.OnFromServer(all, 0);
  return 0;
}
