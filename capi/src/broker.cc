// Brokers and owners.
#include "broker/engine/broker.h"

#include <cstdio>

#include "capi/src/guard.h"

using belay::engine::Broker;
using belay::engine::BrokerOptions;
using belay::registry::LogLevel;
using belay::registry::Registry;
using namespace belay::capi;

namespace {

// Where a program gave no log: what it should not miss.
void LogToStderr(LogLevel level, std::string_view text) {
  if (level == LogLevel::kInfo) return;
  std::fprintf(stderr, "belay: %.*s\n", static_cast<int>(text.size()), text.data());
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

belay_status belay_owner_open(belay_handle broker, const char* name, belay_handle* owner) {
  return Guarded([&] {
    if (name == nullptr) return InvalidArgument("name is null");
    if (owner == nullptr) return InvalidArgument("owner is null");
    auto found = Registry::Find(broker, belay::registry::Kind::kBroker);
    if (!found.ok()) return Fail(found.status());
    auto opened = (*found)->registry().OpenOwner(name);
    if (!opened.ok()) return Fail(opened.status());
    *owner = *opened;
    return BELAY_OK;
  });
}

belay_status belay_owner_close(belay_handle owner) {
  return Guarded([&] { return Done(Registry::CloseOwner(owner)); });
}
}
