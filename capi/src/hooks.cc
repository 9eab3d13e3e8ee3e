// Hooks of the store: watches, validators, updates.
#include "broker/engine/update.h"
#include "capi/src/store_border.h"

using belay::base::Status;
using belay::engine::StoreView;
using belay::registry::Kind;
using belay::registry::Registry;
using namespace belay::capi;
namespace storage = belay::storage;

extern "C" {

belay_status belay_watch_attach(belay_handle store, const belay_watch_options* options,
                                belay_handle* subscription) {
  return With(FindWritable, store, [&](StoreView& view) {
    belay_watch_options given{};
    if (subscription == nullptr) return InvalidArgument("subscription is null");
    if (!Load(options, sizeof(belay_watch_options), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if ((given.flags & ~(BELAY_WATCH_OLD_VALUES | BELAY_WATCH_STATE_FIRST)) != 0)
      return InvalidArgument("options->flags has unknown bits");
    const bool state_first = (given.flags & BELAY_WATCH_STATE_FIRST) != 0;
    if (state_first && given.from_revision != 0)
      return InvalidArgument("the state and a revision to begin with were asked for: choose one");
    KeyRange range;
    const Status status = ReadRangeOrPrefix(given, &range);
    if (!status.ok()) return Fail(status);
    belay::engine::WatchOptions wish;
    wish.start = std::move(range.start);
    wish.end = std::move(range.end);
    wish.from_revision = given.from_revision;
    wish.lag_limit = given.lag_limit;
    wish.callback = given.callback;
    wish.keyspace = view.keyspace();
    if (state_first) wish.begin = belay::engine::WatchBegin::kState;
    if ((given.flags & BELAY_WATCH_OLD_VALUES) != 0) wish.old_rows = storage::OldRows::kShow;
    if (given.name != nullptr) {
      wish.name = given.name;
      if (wish.name.empty()) return InvalidArgument("options->name is empty; null is for no name");
    }
    return HandOut(view.broker()->AttachWatch(wish), subscription);
  });
}

belay_status belay_watch_forget(belay_handle store, const char* name) {
  return With(FindWritable, store, [&](StoreView& view) {
    if (name == nullptr) return InvalidArgument("name is null");
    return Done(view.broker()->ForgetWatch(view.keyspace(), name));
  });
}

belay_status belay_watch_detach(belay_handle subscription) {
  return Guarded([&] {
    auto found = Registry::Find(subscription, Kind::kSubscription);
    if (!found.ok()) return Fail(found.status());
    return Done(Registry::Release(subscription));
  });
}

belay_status belay_validator_attach(belay_handle store, const belay_validator_options* options,
                                    belay_handle* subscription) {
  return With(FindWritable, store, [&](StoreView& view) {
    using belay::engine::OnValidatorFailure;
    using belay::engine::ShowOldValues;
    belay_validator_options given{};
    if (subscription == nullptr) return InvalidArgument("subscription is null");
    if (!Load(options, sizeof(belay_validator_options), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if ((given.flags & ~(BELAY_VALIDATOR_OLD_VALUES | BELAY_VALIDATOR_FAIL_OPEN)) != 0)
      return InvalidArgument("options->flags has unknown bits");
    RangeArgument prefix;
    const Status status = ReadRangeArgument(given.prefix, given.prefix_size, nullptr, 0, &prefix);
    if (!status.ok()) return Fail(status);
    belay::engine::ValidatorOptions wish;
    if (given.timeout_ms != 0) wish.timeout_ns = Nanoseconds(given.timeout_ms);
    wish.prefix = prefix.start;
    wish.keyspace = view.keyspace();
    wish.callback = given.callback;
    wish.priority = given.priority;
    if ((given.flags & BELAY_VALIDATOR_FAIL_OPEN) != 0)
      wish.on_failure = OnValidatorFailure::kAccept;
    if ((given.flags & BELAY_VALIDATOR_OLD_VALUES) != 0) wish.old_values = ShowOldValues::kYes;
    return HandOut(view.broker()->AttachValidator(wish), subscription);
  });
}

belay_status belay_store_update(belay_handle store, const void* key, uint64_t key_size,
                                const belay_update_options* options, uint64_t* revision) {
  return With(FindWritable, store, [&](StoreView& view) {
    belay_update_options given{};
    if (!Load(options, sizeof(belay_update_options), &given))
      return InvalidArgument("options is null, or its struct_size too small");
    if ((given.flags & ~BELAY_WRITE_ASYNC) != 0)
      return InvalidArgument("options->flags has unknown bits");
    std::string_view wanted;
    if (Status status = ReadKeyArgument(key, key_size, &wanted); !status.ok()) return Fail(status);
    belay::engine::UpdateOptions wish;
    if (given.timeout_ms != 0) wish.timeout_ns = Nanoseconds(given.timeout_ms);
    wish.keyspace = view.keyspace();
    wish.callback = given.callback;
    if (given.flags != 0) wish.durability = storage::Durability::kAsync;
    auto committed = belay::engine::Update(*view.broker(), wanted, wish);
    if (!committed.ok()) return Fail(committed.status());
    if (revision != nullptr) *revision = committed->revision;
    return BELAY_OK;
  });
}
}
