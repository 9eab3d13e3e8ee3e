// Brokers: open and close.
#include "broker/engine/broker.h"

#include <cstdio>

#include "capi/src/guard.h"
#include "capi/src/misuse.h"

using belay::engine::Broker;
using belay::engine::BrokerOptions;
using belay::registry::LogLevel;
using namespace belay::capi;

namespace {

// Where a program gave no log: what it should not miss.
void LogToStderr(LogLevel level, std::string_view text) {
  if (level == LogLevel::kInfo) return;
  std::fprintf(stderr, "belay: %.*s\n", static_cast<int>(text.size()), text.data());
}

// 0 leaves the default.
bool LoadCount(std::uint32_t given, std::size_t* count) {
  constexpr std::uint32_t kMost = 1U << 24U;
  if (given != BELAY_OFF && given > kMost) return false;
  if (given != 0) *count = given == BELAY_OFF ? 0 : given;
  return true;
}

// What is 0 leaves the default.
bool LoadTuning(const belay_broker_options& given, belay::storage::StoreTuning* tuning) {
  constexpr std::uint32_t kMostOfAny = INT32_MAX;
  if ((given.store_flags & ~BELAY_STORE_DIRECT_IO) != 0) return false;
  if (given.store_jobs > kMostOfAny) return false;
  if (given.store_bloom_bits > kMostOfAny && given.store_bloom_bits != BELAY_OFF) return false;
  if (given.history_bytes != 0) tuning->history_bytes = given.history_bytes;
  tuning->history_revisions = given.history_revisions;
  tuning->history_age_ns = Nanoseconds(given.history_age_ms);
  if (given.store_cache_bytes != 0) tuning->block_cache_bytes = given.store_cache_bytes;
  if (given.store_buffer_bytes != 0) tuning->write_buffer_bytes = given.store_buffer_bytes;
  if (given.store_jobs != 0) tuning->max_background_jobs = static_cast<int>(given.store_jobs);
  if (given.store_bloom_bits != 0) {
    tuning->bloom_bits =
        given.store_bloom_bits == BELAY_OFF ? 0 : static_cast<int>(given.store_bloom_bits);
  }
  if (given.store_flags != 0) tuning->file_access = belay::storage::FileAccess::kDirect;
  return true;
}

}  // namespace

extern "C" {

belay_status belay_open(const belay_broker_options* options, belay_handle* broker) {
  return Guarded([&] {
    belay_broker_options given{};
    if (options != nullptr && !Load(options, sizeof(std::uint32_t), &given))
      return InvalidArgument("options->struct_size is 0");
    if (broker == nullptr) return InvalidArgument("broker is null");
    BrokerOptions wish;
    if (given.name != nullptr) wish.name = given.name;
    if (wish.name.empty() || wish.name.size() > 255)
      return InvalidArgument("options->name must have 1 to 255 bytes");
    if (given.store_path != nullptr) {
      wish.store_path = given.store_path;
      if (wish.store_path.empty())
        return InvalidArgument("options->store_path is empty: null opens without a store");
    }
    wish.log = LogToStderr;
    if (given.log != nullptr) {
      wish.log = [log = given.log, context = given.log_context](LogLevel level,
                                                                std::string_view text) {
        log(context, static_cast<int32_t>(level), std::string(text).c_str());
      };
    }
    if (!LoadCount(given.tombstones, &wish.tombstones) || !LoadCount(given.events, &wish.events))
      return InvalidArgument("options->tombstones and ->events are at most 16777216, or BELAY_OFF");
    if (!LoadMisuse(given.misuse, &wish.misuse))
      return InvalidArgument("options->misuse is none of BELAY_MISUSE_...");
    if (given.stuck_after_ms != 0) {
      wish.stuck_after_ns =
          given.stuck_after_ms == UINT64_MAX ? 0 : Nanoseconds(given.stuck_after_ms);
    }
    if (!LoadTuning(given, &wish.store_tuning))
      return InvalidArgument("options->store_flags has unknown bits, or a number is beyond any");
    auto opened = Broker::Open(std::move(wish));
    if (!opened.ok()) return Fail(opened.status());
    *broker = (*opened)->handle();
    return BELAY_OK;
  });
}

belay_status belay_close(belay_handle broker, uint64_t timeout_ms) {
  return Guarded([&] {
    auto found = Broker::Find(broker);
    if (!found.ok()) return Fail(found.status());
    return Done((*found)->Close(Nanoseconds(timeout_ms)));
  });
}
}
