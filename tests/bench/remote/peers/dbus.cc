#include "tests/bench/remote/peers/dbus.h"

#include <cstdint>
#include <cstring>

#include "tests/bench/remote/peers/server.h"

namespace belay::bench {
namespace {

constexpr std::string_view kWho = "D-Bus";
constexpr const char* kName = "dev.belay.Bench";
constexpr const char* kPath = "/bench";
constexpr const char* kInterface = "dev.belay.Bench";
constexpr const char* kMethod = "Echo";
constexpr std::uint64_t kLongestUs = 10'000'000;

// `result`: of a function of sd-bus, negative if it failed.
int Must(int result) {
  if (result < 0) GiveUp(kWho, std::strerror(-result));
  return result;
}

sd_bus* Connect(const std::string& address) {
  sd_bus* bus = nullptr;
  Must(sd_bus_new(&bus));
  Must(sd_bus_set_address(bus, address.c_str()));
  Must(sd_bus_set_bus_client(bus, 1));
  Must(sd_bus_start(bus));
  return bus;
}

std::string_view PayloadOf(sd_bus_message* message) {
  const void* bytes = nullptr;
  std::size_t size_bytes = 0;
  Must(sd_bus_message_read_array(message, 'y', &bytes, &size_bytes));
  return {static_cast<const char*>(bytes), size_bytes};
}

void SetPayload(sd_bus_message* message, std::string_view payload) {
  Must(sd_bus_message_append_array(message, 'y', payload.data(), payload.size()));
}

int Answer(sd_bus_message* call, void*, sd_bus_error*) {
  if (sd_bus_message_is_method_call(call, kInterface, kMethod) == 0) return 0;
  sd_bus_message* answer = nullptr;
  Must(sd_bus_message_new_method_return(call, &answer));
  SetPayload(answer, PayloadOf(call));
  Must(sd_bus_send(nullptr, answer, nullptr));
  sd_bus_message_unref(answer);
  return 1;
}

}  // namespace

DBusDaemon::DBusDaemon()
    : daemon_({ServerProgram("dbus-daemon"), "--session", "--nofork", "--nopidfile", "--address",
               address_, "--print-address=1"}) {
  daemon_.ReadLine();
}

DBusEcho::DBusEcho(const DBusDaemon& daemon)
    : host_("dbus_host", daemon.address()), bus_(Connect(daemon.address())) {}

DBusEcho::~DBusEcho() { sd_bus_flush_close_unref(bus_); }

void DBusEcho::Call(int in_flight, int calls) {
  to_begin_ = calls - in_flight;
  to_end_ = calls;
  for (int i = 0; i < in_flight; ++i) Begin();
  while (to_end_ != 0) {
    if (Must(sd_bus_process(bus_, nullptr)) == 0) Must(sd_bus_wait(bus_, kLongestUs));
  }
}

void DBusEcho::CallOnce() {
  sd_bus_message* const call = NewCall();
  sd_bus_message* answer = nullptr;
  Must(sd_bus_call(bus_, call, kLongestUs, nullptr, &answer));
  CheckAnswer(kWho, PayloadOf(answer));
  sd_bus_message_unref(answer);
  sd_bus_message_unref(call);
}

sd_bus_message* DBusEcho::NewCall() const {
  sd_bus_message* call = nullptr;
  Must(sd_bus_message_new_method_call(bus_, &call, kName, kPath, kInterface, kMethod));
  SetPayload(call, kPayload);
  return call;
}

void DBusEcho::Begin() {
  sd_bus_message* const call = NewCall();
  Must(sd_bus_call_async(bus_, nullptr, call, OnAnswer, this, kLongestUs));
  sd_bus_message_unref(call);
}

int DBusEcho::OnAnswer(sd_bus_message* answer, void* self, sd_bus_error*) {
  if (sd_bus_message_is_method_error(answer, nullptr) != 0)
    GiveUp(kWho, sd_bus_message_get_error(answer)->message);
  CheckAnswer(kWho, PayloadOf(answer));
  auto* const echo = static_cast<DBusEcho*>(self);
  --echo->to_end_;
  if (echo->to_begin_ > 0) {
    --echo->to_begin_;
    echo->Begin();
  }
  return 1;
}

int ServeDBusHost(const std::string& address) {
  sd_bus* const bus = Connect(address);
  Must(sd_bus_add_object(bus, nullptr, kPath, Answer, nullptr));
  Must(sd_bus_request_name(bus, kName, 0));
  SayReady();
  for (;;) {
    if (Must(sd_bus_process(bus, nullptr)) == 0) Must(sd_bus_wait(bus, UINT64_MAX));
  }
}

}  // namespace belay::bench
