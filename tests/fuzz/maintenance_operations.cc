// Keyspaces, and what operators do to a store.
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <vector>

#include "tests/fuzz/operations.h"
#include "tests/fuzz/store_arguments.h"

namespace belay::fuzz {
namespace {

// Few, for a keyspace stays when the program ends.
const char* KeyspaceName(World& world) {
  static constexpr const char* kNames[] = {"default", "system", "",    "not a name",
                                           "a.b-c_1", "one",    "two", nullptr};
  return kNames[world.in.Below(std::size(kNames))];
}

void KeyspaceOpen(World& world) {
  // To make one is slow: a file and an fsync.
  std::uint32_t flags = world.in.OneIn(16) ? BELAY_KEYSPACE_CREATE : 0;
  if (world.in.OneIn(64)) flags = world.in.Byte();
  const char* const name = KeyspaceName(world);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Opened(
      [&](belay_handle* keyspace) { return belay_keyspace_open(store, name, flags, keyspace); });
}

void KeyspaceDrop(World& world) {
  const char* const name = KeyspaceName(world);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] { return belay_keyspace_drop(store, name); });
}

// A function that fills entries of a caller's size, and tells how many there are.
template <typename Entry, typename List>
void ListEntries(World& world, List list) {
  constexpr std::size_t kEntries = 4;
  std::vector<Padded<Entry>> entries(kEntries);
  entries[0].value.struct_size = world.StructSize(sizeof(Entry));
  std::uint64_t count = 0;
  const std::uint64_t capacity = world.in.Below(kEntries + 1);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  const belay_status status = world.Checked(
      [&] { return list(store, world.OrNull(&entries[0].value), capacity, world.OrNull(&count)); });
  if (status == BELAY_OK && count == 0) Violation("S1", "a store has no keyspace or statistic");
}

void KeyspaceList(World& world) { ListEntries<belay_keyspace_info>(world, &belay_keyspace_list); }

void Statistics(World& world) { ListEntries<belay_statistic>(world, &belay_store_statistics); }

void Health(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] { return belay_store_health(store); });
}

void Recover(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  world.Checked([&] { return belay_store_recover(store); });
}

void TrimHistory(World& world) {
  const std::uint64_t before = world.in.OneIn(8) ? world.in.Word() : world.in.Byte();
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  if (world.in.OneIn(8)) world.Checked([&] { return belay_store_trim_history(store, before); });
}

void Compact(World& world) {
  const Range range(world);
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  if (!world.in.OneIn(16)) return;
  world.Checked([&] {
    return belay_store_compact(store, range.start.data, range.start.size, range.end.data,
                               range.end.size);
  });
}

// Into a folder of its own, which goes again; seldom, for it is slow.
void Backup(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  if (!world.in.OneIn(64)) {
    world.Checked([&] { return belay_store_backup(store, world.OrNull("/dev/null/backup")); });
    return;
  }
  const char* const temporary = std::getenv("TEST_TMPDIR");
  std::string folder = std::string(temporary == nullptr ? "/tmp" : temporary) + "/backup-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) Violation("setup", "no folder " + folder);
  world.Checked([&] { return belay_store_backup(store, folder.c_str()); });
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

// Goes on with the program while the check waits, and stops it when the program says so.
std::int32_t Progress(void* context, std::uint64_t done, std::uint64_t total) {
  World& world = *static_cast<World*>(context);
  if (done > total) Violation("I2", "more pieces are done than there are");
  world.Step(world.in.Below(3));
  return world.in.OneIn(8) ? -1 : 0;
}

void Verify(World& world) {
  const belay_handle store = world.HandleOf(BELAY_KIND_STORE);
  if (!world.in.OneIn(4)) return;
  world.Checked([&] { return belay_store_verify(store, world.OrNull(&Progress), &world); });
}

constexpr Operation kOperations[] = {
    KeyspaceOpen, KeyspaceDrop, KeyspaceList, Statistics, Health,
    Recover,      TrimHistory,  Compact,      Backup,     Verify,
};

}  // namespace

std::span<const Operation> MaintenanceOperations() { return kOperations; }

}  // namespace belay::fuzz
