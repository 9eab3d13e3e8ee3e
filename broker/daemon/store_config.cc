#include "broker/daemon/store_config.h"

#include <cstdint>
#include <string>

namespace belay::daemon {

using base::Status;

namespace {

// Wide enough for any field; ValidateTuning() knows the bounds that matter.
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 50;
constexpr std::uint64_t kMostOfAny = INT32_MAX;

template <typename T>
Status Read(const Settings& settings, const char* name, std::uint64_t most, T* value) {
  auto number = static_cast<std::uint64_t>(*value);
  Status status = ReadNumber(settings, name, 0, most, &number);
  *value = static_cast<T>(number);
  return status;
}

Status ReadAccess(const Settings& settings, storage::FileAccess* access) {
  const Setting* const setting = settings.Find("store-direct-io");
  if (setting == nullptr) return {};
  const std::string& value = setting->values.back();
  if (value != "true" && value != "false")
    return BadSetting(*setting, "store-direct-io", "must be true or false");
  *access = value == "true" ? storage::FileAccess::kDirect : storage::FileAccess::kBuffered;
  return {};
}

Status ReadAge(const Settings& settings, std::int64_t* age_ns) {
  std::int64_t age_ms = *age_ns / 1'000'000;
  Status status = ReadDuration(settings, "store-history-age", &age_ms);
  *age_ns = age_ms * 1'000'000;
  return status;
}

}  // namespace

Status ReadStoreTuning(const Settings& settings, storage::StoreTuning* tuning) {
  for (const Status& status :
       {Read(settings, "store-block-cache-bytes", kMostBytes, &tuning->block_cache_bytes),
        Read(settings, "store-write-buffer-bytes", kMostBytes, &tuning->write_buffer_bytes),
        Read(settings, "store-background-jobs", kMostOfAny, &tuning->max_background_jobs),
        Read(settings, "store-bloom-bits", kMostOfAny, &tuning->bloom_bits),
        ReadAccess(settings, &tuning->file_access),
        Read(settings, "store-history-bytes", kMostBytes, &tuning->history_bytes),
        Read(settings, "store-history-revisions", UINT64_MAX, &tuning->history_revisions),
        ReadAge(settings, &tuning->history_age_ns), storage::ValidateTuning(*tuning)}) {
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace belay::daemon
