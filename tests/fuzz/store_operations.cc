// The store, its cursors and watches. Without a store all of it is refused, and must be refused well.
#include <cstring>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// Bytes as an argument: a pointer and a size that mostly belong together. Huge sizes are refused before
// anything is read.
struct Argument {
  const void* data;
  std::uint64_t size;
};

Argument AsArgument(World& world, const std::string& bytes) {
  switch (world.in.Byte()) {
    case 255: return {nullptr, bytes.size()};
    case 254: return {bytes.data(), std::uint64_t{1} << 40U};
    case 253: return {bytes.data(), ~std::uint64_t{0}};
    default: return {bytes.data(), bytes.size()};
  }
}

struct WriteOptions {
  explicit WriteOptions(World& world) {
    room.value.struct_size = world.StructSize(sizeof room.value);
    // Durable now and then: each costs an fsync.
    room.value.flags = world.in.Byte() % 8 | (world.in.OneIn(32) ? 0 : BELAY_WRITE_ASYNC);
    room.value.if_revision = world.in.Byte();
    given = world.in.OneIn(64) ? nullptr : &room.value;
  }
  Padded<belay_write_options> room;
  const belay_write_options* given;
};

// Steps through whatever is said to be a row block.
void ReadRows(World& world, const std::string& block, std::uint64_t position) {
  for (int row = 0; row < 1000; ++row) {
    Padded<belay_row> read;
    read.value.struct_size =
        world.in.empty() ? sizeof read.value : world.StructSize(sizeof read.value);
    const std::uint64_t before = position;
    const belay_status status = world.Checked(
        [&] { return belay_rows_next(block.data(), block.size(), &position, &read.value); });
    if (status != BELAY_OK) return;
    const char* const end = block.data() + block.size();
    const auto* key = static_cast<const char*>(read.value.key);
    const auto* value = static_cast<const char*>(read.value.value);
    if (position == before || key < block.data() || key + read.value.key_size > end ||
        value < block.data() || value + read.value.value_size > end)
      Violation("I7", "a row lies outside of its block, or is the one before");
  }
}

void StoreOpen(World& world) {
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  world.Opened([&](belay_handle* store) { return belay_store_open(broker, store); });
}

void Get(World& world) {
  const std::string key = world.in.Bytes();
  const Argument wanted = AsArgument(world, key);
  char buffer[8];
  std::uint64_t value_size = 0;
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_get(store, wanted.data, wanted.size, world.OrNull(&buffer[0]), sizeof buffer,
                           world.OrNull(&value_size), world.OrNull(&revision));
  });
}

void Put(World& world) {
  const std::string key = world.in.Bytes();
  const std::string value = world.in.Bytes();
  const Argument new_key = AsArgument(world, key);
  const Argument new_value = AsArgument(world, value);
  const WriteOptions options(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_put(store, new_key.data, new_key.size, new_value.data, new_value.size,
                           options.given, world.OrNull(&revision));
  });
}

void Delete(World& world) {
  const std::string key = world.in.Bytes();
  const Argument old_key = AsArgument(world, key);
  const WriteOptions options(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_delete(store, old_key.data, old_key.size, options.given,
                              world.OrNull(&revision));
  });
}

void Scan(World& world) {
  const std::string text = world.in.Bytes();
  Padded<belay_scan_options> options;
  belay_scan_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : world.in.Below(4) & 3U;
  given.limit = world.in.Byte();
  const std::size_t bounds = world.in.Byte();
  const Argument bound = AsArgument(world, text);
  if ((bounds & 1U) != 0) given.start = bound.data, given.start_size = bound.size;
  if ((bounds & 2U) != 0) given.end = bound.data, given.end_size = bound.size;
  if ((bounds & 4U) != 0) given.prefix = bound.data, given.prefix_size = bound.size;
  if ((bounds & 8U) != 0) given.filter = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened(
      [&](belay_handle* cursor) { return belay_store_scan(store, world.OrNull(&given), cursor); });
}

void CursorNext(World& world) {
  std::string block(world.in.OneIn(4) ? world.in.Byte() : 4096, '\0');
  std::uint64_t size = 0;
  const belay_handle cursor = world.HandleOf(BELAY_KIND_CURSOR);
  const belay_status status = world.Checked([&] {
    return belay_cursor_next(cursor, world.OrNull(block.data()), block.size(), world.OrNull(&size));
  });
  if (status == BELAY_BUFFER_TOO_SMALL && size <= block.size())
    Violation("I4", "a cursor wants a larger buffer and names a size that would fit");
  if (status != BELAY_OK) return;
  block.resize(static_cast<std::size_t>(size));
  ReadRows(world, block, 0);
}

void RowsNext(World& world) {
  // A header that is right, so that more than the first check is reached.
  std::string block("\x01\0\0\0\x02\0\0\0", world.in.OneIn(4) ? 0 : 8);
  for (std::size_t i = world.in.Below(4); i > 0; --i) block += world.in.Bytes();
  const Argument argument = AsArgument(world, block);
  std::uint64_t position = world.in.OneIn(8) ? world.in.Word() : 0;
  Padded<belay_row> row;
  row.value.struct_size = world.StructSize(sizeof row.value);
  if (argument.data == nullptr) {
    world.Checked([&] {
      return belay_rows_next(nullptr, argument.size, world.OrNull(&position),
                             world.OrNull(&row.value));
    });
  } else {
    ReadRows(world, block, position);
  }
}

void WatchAttach(World& world) {
  const std::string text = world.in.Bytes();
  const Argument prefix = AsArgument(world, text);
  Padded<belay_watch_options> options;
  belay_watch_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : 0;
  given.prefix = prefix.data;
  given.prefix_size = prefix.size;
  given.from_revision = world.in.Byte();
  given.callback = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened([&](belay_handle* subscription) {
    return belay_watch_attach(store, world.OrNull(&given), subscription);
  });
}

void WatchDetach(World& world) {
  const belay_handle subscription = world.HandleOf(BELAY_KIND_SUBSCRIPTION);
  world.Checked([&] { return belay_watch_detach(subscription); });
}

constexpr Operation kOperations[] = {
    StoreOpen, Get, Put, Delete, Scan, CursorNext, RowsNext, WatchAttach, WatchDetach,
};

}  // namespace

std::span<const Operation> StoreOperations() { return kOperations; }

}  // namespace belay::fuzz
