// Writes: of one key, of a range, and put together in batches.
#include "tests/fuzz/operations.h"
#include "tests/fuzz/store_arguments.h"

namespace belay::fuzz {
namespace {

void Put(World& world) {
  const Bytes key(world);
  const Bytes value(world);
  const WriteOptions options(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_put(store, key.given.data, key.given.size, value.given.data,
                           value.given.size, options.given, world.OrNull(&revision));
  });
}

void Delete(World& world) {
  const Bytes key(world);
  const WriteOptions options(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_delete(store, key.given.data, key.given.size, options.given,
                              world.OrNull(&revision));
  });
}

void DeleteRange(World& world) {
  const Range range(world);
  const WriteOptions options(world);
  std::uint64_t count = 0;
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_delete_range(store, range.start.data, range.start.size, range.end.data,
                                    range.end.size, options.given, world.OrNull(&count),
                                    world.OrNull(&revision));
  });
}

void Flush(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  if (world.in.OneIn(8)) world.Checked([&] { return belay_store_flush(store); });
}

void BatchOpen(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened([&](belay_handle* batch) { return belay_batch_open(store, batch); });
}

// Adds one operation by `add(batch, options)`; one that is durable in its own way is refused.
template <typename Add>
void AddToBatch(World& world, Add add) {
  WriteOptions options(world);
  if (!world.in.OneIn(8)) options.room.value.flags &= ~BELAY_WRITE_ASYNC;
  const belay_handle batch = world.HandleOf(BELAY_KIND_BATCH);
  const belay_status status = world.Checked([&] { return add(batch, options.given); });
  if (status == BELAY_OK && options.given != nullptr &&
      (options.given->flags & BELAY_WRITE_ASYNC) != 0)
    Violation("S2", "a batch took an operation with a durability of its own");
}

void BatchPut(World& world) {
  const Bytes key(world);
  const Bytes value(world);
  AddToBatch(world, [&](belay_handle batch, const belay_write_options* options) {
    return belay_batch_put(batch, key.given.data, key.given.size, value.given.data,
                           value.given.size, options);
  });
}

void BatchDelete(World& world) {
  const Bytes key(world);
  AddToBatch(world, [&](belay_handle batch, const belay_write_options* options) {
    return belay_batch_delete(batch, key.given.data, key.given.size, options);
  });
}

void BatchCheck(World& world) {
  const Bytes key(world);
  AddToBatch(world, [&](belay_handle batch, const belay_write_options* options) {
    return belay_batch_check(batch, key.given.data, key.given.size, options);
  });
}

void BatchDeleteRange(World& world) {
  const Range range(world);
  const belay_handle batch = world.HandleOf(BELAY_KIND_BATCH);
  world.Checked([&] {
    return belay_batch_delete_range(batch, range.start.data, range.start.size, range.end.data,
                                    range.end.size);
  });
}

void BatchCommit(World& world) {
  WriteOptions options(world);
  if (!world.in.OneIn(8)) options.room.value.flags &= BELAY_WRITE_ASYNC;
  std::uint64_t revision = 0;
  const belay_handle batch = world.HandleOf(BELAY_KIND_BATCH);
  world.Checked([&] { return belay_batch_commit(batch, options.given, world.OrNull(&revision)); });
}

void BatchClear(World& world) {
  const belay_handle batch = world.HandleOf(BELAY_KIND_BATCH);
  world.Checked([&] { return belay_batch_clear(batch); });
}

// One of every broker's, one of those that programs bind callbacks to, or none.
std::string OperatorName(World& world) {
  static constexpr const char* kNames[] = {"add_i64", "append", "max", "min", "a", "b", "c", "d"};
  return world.in.OneIn(8) ? world.in.Bytes() : kNames[world.in.Below(8)];
}

void Merge(World& world) {
  const Bytes key(world);
  const std::string name = OperatorName(world);
  const Bytes operand(world);
  const WriteOptions options(world);
  std::uint64_t revision = 0;
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] {
    return belay_store_merge(store, key.given.data, key.given.size, world.OrNull(name.c_str()),
                             operand.given.data, operand.given.size, options.given,
                             world.OrNull(&revision));
  });
}

void BatchMerge(World& world) {
  const Bytes key(world);
  const std::string name = OperatorName(world);
  const Bytes operand(world);
  AddToBatch(world, [&](belay_handle batch, const belay_write_options* options) {
    return belay_batch_merge(batch, key.given.data, key.given.size, world.OrNull(name.c_str()),
                             operand.given.data, operand.given.size, options);
  });
}

constexpr Operation kOperations[] = {
    Put,        Delete,           DeleteRange, Flush,      BatchOpen, BatchPut,   BatchDelete,
    BatchCheck, BatchDeleteRange, BatchCommit, BatchClear, Merge,     BatchMerge,
};

}  // namespace

std::span<const Operation> BatchOperations() { return kOperations; }

}  // namespace belay::fuzz
