// Hooks of the store: watches, validators, updates, and the row blocks that they reply with.
#include "tests/fuzz/operations.h"
#include "tests/fuzz/store_arguments.h"

namespace belay::fuzz {
namespace {

const char* WatchName(World& world) {
  constexpr const char* kNames[] = {nullptr, nullptr, nullptr, "n", "m", ""};
  return kNames[world.in.Below(std::size(kNames))];
}

void WatchAttach(World& world) {
  const Bytes prefix(world);
  const Bytes end(world);
  Padded<belay_watch_options> options;
  belay_watch_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : world.in.Below(4) & 3U;
  if (world.in.OneIn(4)) {
    given.end = end.given.data;
    given.end_size = end.given.size;
  }
  given.name = WatchName(world);
  given.lag_limit = world.in.Byte();
  given.prefix = prefix.given.data;
  given.prefix_size = prefix.given.size;
  given.from_revision = world.in.Byte();
  given.callback = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened([&](belay_handle* subscription) {
    return belay_watch_attach(store, world.OrNull(&given), subscription);
  });
}

void WatchForget(World& world) {
  const char* const name = WatchName(world);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] { return belay_watch_forget(store, name); });
}

void WatchDetach(World& world) {
  const belay_handle subscription = world.HandleOf(BELAY_KIND_SUBSCRIPTION);
  world.Checked([&] { return belay_watch_detach(subscription); });
}

// Of one question: what is waited for is often the program itself.
std::uint64_t QuestionMs(World& world) {
  return world.in.OneIn(8) ? world.in.Word() : 1 + world.in.Below(4);
}

void ValidatorAttach(World& world) {
  const Bytes prefix(world);
  Padded<belay_validator_options> options;
  belay_validator_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : world.in.Below(4) & 3U;
  given.prefix = prefix.given.data;
  given.prefix_size = prefix.given.size;
  given.callback = world.HandleOf(BELAY_KIND_CALLBACK);
  given.timeout_ms = QuestionMs(world);
  given.priority = static_cast<std::int32_t>(world.in.Byte()) - 128;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened([&](belay_handle* subscription) {
    return belay_validator_attach(store, world.OrNull(&given), subscription);
  });
}

void Update(World& world) {
  const Bytes key(world);
  Padded<belay_update_options> options;
  belay_update_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : BELAY_WRITE_ASYNC;
  given.callback = world.HandleOf(BELAY_KIND_CALLBACK);
  given.timeout_ms = QuestionMs(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_update(store, key.given.data, key.given.size, world.OrNull(&given),
                              world.OrNull(&revision));
  });
}

// Rows one after the other, into a buffer that may be no block or have an end.
void RowsAppend(World& world) {
  std::string buffer = world.in.OneIn(4) ? world.in.Bytes() : std::string();
  std::uint64_t size = world.in.OneIn(16) ? world.in.Byte() : buffer.size();
  buffer.resize(world.in.OneIn(4) ? world.in.Byte() : 1024);
  for (std::size_t rows = world.in.Below(4); rows > 0; --rows) {
    const Bytes key(world);
    const Bytes value(world);
    Padded<belay_row> row;
    row.value.struct_size = world.StructSize(sizeof row.value);
    row.value.kind =
        world.in.OneIn(8) ? world.in.Byte() : static_cast<std::uint32_t>(1 + world.in.Below(3));
    row.value.revision = world.in.Byte();
    row.value.key = key.given.data;
    row.value.key_size = key.given.size;
    row.value.value = value.given.data;
    row.value.value_size = value.given.size;
    row.value.flags = world.in.Byte();
    const std::uint64_t before = size;
    const belay_status status = world.Checked([&] {
      return belay_rows_append(world.OrNull(buffer.data()), buffer.size(), world.OrNull(&size),
                               world.OrNull(&row.value));
    });
    if (status == BELAY_OK && (size > buffer.size() || size < before))
      Violation("I7", "a row was appended behind the end of the buffer");
    if (status == BELAY_BUFFER_TOO_SMALL && size <= buffer.size())
      Violation("I3", "a larger buffer is asked for by a size that would fit");
    if (status != BELAY_OK) return;
  }
}

constexpr Operation kOperations[] = {
    WatchAttach, WatchForget, WatchDetach, ValidatorAttach, Update, RowsAppend,
};

}  // namespace

std::span<const Operation> HookOperations() { return kOperations; }

}  // namespace belay::fuzz
