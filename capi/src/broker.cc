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
    wish.history_bytes = given.history_bytes;
    wish.history_revisions = given.history_revisions;
    wish.history_age_ns = Nanoseconds(given.history_age_ms);
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
