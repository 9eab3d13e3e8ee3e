#include "broker/storage/tuning.h"

#include <string>

namespace belay::storage {

using base::Code;
using base::Status;

namespace {

Status Check(const char* name, std::uint64_t value, std::uint64_t least, std::uint64_t most) {
  if (value >= least && value <= most) return {};
  return Status(Code::kInvalidArgument,
                std::string(name) + " is " + std::to_string(value) + "; it may be " +
                    std::to_string(least) + " to " + std::to_string(most),
                "LIMIT_EXCEEDED");
}

}  // namespace

Status ValidateTuning(const StoreTuning& tuning) {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
  constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;
  for (const Status& checked :
       {Check("block_cache_bytes", tuning.block_cache_bytes, 0, kTiB),
        // RocksDB takes its memory in pieces of up to 1 MiB.
        Check("write_buffer_bytes", tuning.write_buffer_bytes, kMiB, 64 * 1024 * kMiB),
        Check("history_bytes", tuning.history_bytes, 0, 1024 * kTiB),
        Check("max_background_jobs", static_cast<std::uint64_t>(tuning.max_background_jobs), 1, 64),
        Check("bloom_bits", static_cast<std::uint64_t>(tuning.bloom_bits), 0, 32)}) {
    if (!checked.ok()) return checked;
  }
  return {};
}

}  // namespace belay::storage
