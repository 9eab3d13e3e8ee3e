// The store and its snapshots, read. Without a store all of it is refused, and must be refused well.
#include <cstring>
#include <vector>

#include "tests/fuzz/operations.h"
#include "tests/fuzz/store_arguments.h"

namespace belay::fuzz {
namespace {

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
  const Bytes key(world);
  char buffer[8];
  std::uint64_t value_size = 0;
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_get(store, key.given.data, key.given.size, world.OrNull(&buffer[0]),
                           sizeof buffer, world.OrNull(&value_size), world.OrNull(&revision));
  });
}

void Scan(World& world) {
  const Bytes bound(world);
  Padded<belay_scan_options> options;
  belay_scan_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(32) ? world.in.Byte() : world.in.Below(4) & 3U;
  given.limit = world.in.Byte();
  const std::size_t bounds = world.in.Byte();
  const auto [data, size] = bound.given;
  if ((bounds & 1U) != 0) given.start = data, given.start_size = size;
  if ((bounds & 2U) != 0) given.end = data, given.end_size = size;
  if ((bounds & 4U) != 0) given.prefix = data, given.prefix_size = size;
  if ((bounds & 8U) != 0) given.filter = world.HandleOf(BELAY_KIND_CALLBACK);
  if ((bounds & 16U) != 0) given.projection = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened(
      [&](belay_handle* cursor) { return belay_store_scan(store, world.OrNull(&given), cursor); });
}

// Of a function that fills a buffer with a row block: the size that it asks for must be of use.
void CheckBlock(World& world, belay_status status, std::string& block, std::uint64_t size) {
  if (status == BELAY_BUFFER_TOO_SMALL && size <= block.size())
    Violation("I3", "a larger buffer is asked for by a size that would fit");
  if (status != BELAY_OK) return;
  block.resize(static_cast<std::size_t>(size));
  ReadRows(world, block, 0);
}

void CursorNext(World& world) {
  std::string block(world.in.OneIn(4) ? world.in.Byte() : 4096, '\0');
  std::uint64_t size = 0;
  const belay_handle cursor = world.HandleOf(BELAY_KIND_CURSOR);
  const belay_status status = world.Checked([&] {
    return belay_cursor_next(cursor, world.OrNull(block.data()), block.size(), world.OrNull(&size));
  });
  CheckBlock(world, status, block, size);
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

void Snapshot(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened([&](belay_handle* snapshot) { return belay_store_snapshot(store, snapshot); });
}

void Revision(World& world) {
  std::uint64_t current = 0;
  std::uint64_t oldest = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked(
      [&] { return belay_store_revision(store, world.OrNull(&current), world.OrNull(&oldest)); });
}

void KeyInfo(World& world) {
  const Bytes key(world);
  Padded<belay_key_info> info;
  belay_key_info& given = info.value;
  given.struct_size = world.StructSize(sizeof given);
  const bool is_whole = given.struct_size >= sizeof given;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  const belay_status status = world.Checked([&] {
    return belay_store_key_info(store, key.given.data, key.given.size, world.OrNull(&given));
  });
  if (status != BELAY_OK) return;
  if (!is_whole || given.version == 0 || given.create_revision > given.mod_revision)
    Violation("S1", "what a key knows of itself cannot be");
}

void GetMany(World& world) {
  std::vector<std::string> keys(world.in.Below(6));
  std::vector<belay_bytes> wanted;
  for (std::string& key : keys) {
    key = world.in.Bytes();
    const auto [data, size] = AsArgument(world, key);
    wanted.push_back({data, size});
  }
  const std::uint64_t count =
      world.in.OneIn(64) ? ~std::uint64_t{0} << world.in.Below(50) : wanted.size();
  std::string block(world.in.OneIn(4) ? world.in.Byte() : 4096, '\0');
  std::uint64_t size = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  const belay_status status = world.Checked([&] {
    return belay_store_get_many(store, world.OrNull(wanted.data()), count,
                                world.OrNull(block.data()), block.size(), world.OrNull(&size));
  });
  CheckBlock(world, status, block, size);
}

void Count(World& world) {
  const Range range(world);
  std::uint64_t count = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_count(store, range.start.data, range.start.size, range.end.data,
                             range.end.size, world.OrNull(&count));
  });
}

void Estimate(World& world) {
  const Range range(world);
  std::uint64_t keys = 0;
  std::uint64_t size_bytes = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_estimate(store, range.start.data, range.start.size, range.end.data,
                                range.end.size, world.OrNull(&keys), world.OrNull(&size_bytes));
  });
}

constexpr Operation kOperations[] = {
    StoreOpen, Get,     Scan,    CursorNext, RowsNext, Snapshot,
    Revision,  KeyInfo, GetMany, Count,      Estimate,
};

}  // namespace

std::span<const Operation> StoreOperations() { return kOperations; }

}  // namespace belay::fuzz
