#include "broker/daemon/message_meter.h"

#include <algorithm>
#include <utility>

namespace belay::daemon {

void MessageMeter::Add(std::uint32_t id, std::span<const std::uint8_t> bytes) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second.is_ended_by_server) return;
  Stream& stream = found->second;
  while (!bytes.empty()) {
    if (stream.prefix_bytes < kPrefixBytes) {
      const std::size_t taken = std::min(kPrefixBytes - stream.prefix_bytes, bytes.size());
      std::copy_n(bytes.begin(), taken,
                  stream.prefix.begin() + static_cast<std::ptrdiff_t>(stream.prefix_bytes));
      stream.prefix_bytes += taken;
      bytes = bytes.subspan(taken);
      if (stream.prefix_bytes < kPrefixBytes) return;
      // The first byte tells whether the message is compressed.
      stream.missing_bytes = std::uint64_t{stream.prefix[1]} << 24U |
                             std::uint64_t{stream.prefix[2]} << 16U |
                             std::uint64_t{stream.prefix[3]} << 8U | stream.prefix[4];
    }
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(stream.missing_bytes, bytes.size()));
    stream.missing_bytes -= taken;
    stream.unfinished_bytes += taken;
    unfinished_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (stream.missing_bytes == 0) {
      Forget(stream);
      stream.prefix_bytes = 0;
    }
  }
}

void MessageMeter::EndByClient(std::uint32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Forget(found->second);
  if (found->second.is_ended_by_server) --ended_by_server_;
  streams_.erase(found);
}

void MessageMeter::EndByServer(std::uint32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end() || std::exchange(found->second.is_ended_by_server, true)) return;
  Forget(found->second);
  if (++ended_by_server_ <= kMaxEndedByServer) return;
  // Of the oldest nothing is under way any more.
  const auto oldest = std::find_if(streams_.begin(), streams_.end(),
                                   [](const auto& each) { return each.second.is_ended_by_server; });
  streams_.erase(oldest);
  --ended_by_server_;
}

void MessageMeter::Forget(Stream& stream) {
  unfinished_bytes_ -= std::exchange(stream.unfinished_bytes, 0);
}

}  // namespace belay::daemon
