#include "tests/bench/store/watches.h"

#include <cstring>

namespace belay::bench {
namespace {

belay_handle Attach(belay_handle store, const std::string& prefix, std::uint64_t from_revision,
                    belay_handle callback) {
  belay_watch_options options{};
  options.struct_size = sizeof options;
  options.prefix = prefix.data();
  options.prefix_size = prefix.size();
  options.from_revision = from_revision;
  options.callback = callback;
  belay_handle subscription = 0;
  Check(belay_watch_attach(store, &options, &subscription), "belay_watch_attach");
  return subscription;
}

// The second word of a row block; only on little-endian machines does it need no turning.
std::uint32_t RowCount(const belay_call& call) {
  std::uint32_t rows = 0;
  std::memcpy(&rows, static_cast<const char*>(call.request) + sizeof rows, sizeof rows);
  return rows;
}

belay_status CountRows(void* told, belay_call* call) {
  auto& count = *static_cast<std::atomic<std::uint64_t>*>(told);
  count.fetch_add(RowCount(*call));
  count.notify_all();
  call->reply_size = 0;
  return BELAY_OK;
}

// No call is running any more, or will, when it returns.
void End(belay_handle callback) {
  Check(belay_unregister(callback), "belay_unregister");
  Check(belay_drain(callback, 60'000), "belay_drain");
  Check(belay_release(callback), "belay_release");
}

}  // namespace

IdleWatches::IdleWatches(const Broker& broker, belay_handle store, int count)
    : callback_(broker.Register(Untyped())) {
  for (int i = 0; i < count; ++i) {
    subscriptions_.push_back(Attach(store, "idle" + std::to_string(i) + "/", 0, callback_));
  }
}

IdleWatches::~IdleWatches() {
  for (const belay_handle subscription : subscriptions_) {
    Check(belay_release(subscription), "belay_release");
  }
  End(callback_);
}

CountingWatch::CountingWatch(const Broker& broker, belay_handle store, std::uint64_t from_revision)
    : callback_([&] {
        belay_callback_options options = Untyped(&told_);
        options.callback = CountRows;
        return broker.Register(options);
      }()),
      subscription_(Attach(store, {}, from_revision, callback_)) {}

CountingWatch::~CountingWatch() {
  Check(belay_release(subscription_), "belay_release");
  End(callback_);
}

void CountingWatch::WaitFor(std::uint64_t changes) const {
  for (std::uint64_t told = told_.load(); told < changes; told = told_.load()) told_.wait(told);
}

}  // namespace belay::bench
