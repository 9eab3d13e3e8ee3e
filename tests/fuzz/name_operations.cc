// Public names of callbacks.
#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// Mostly one of a few, so that binds meet.
std::string Name(World& world) {
  static constexpr const char* kNames[] = {"a", "b", "c", "d"};
  return world.in.OneIn(8) ? world.in.Bytes() : kNames[world.in.Below(4)];
}

void Bind(World& world) {
  const std::string name = Name(world);
  Padded<belay_name_options> options;
  belay_name_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(4) ? world.in.Byte() % 8U : 0;
  given.on_conflict = world.in.Byte() % 4;
  given.policy = world.in.Byte() % 8;
  given.if_version = world.in.Byte();
  if (world.in.OneIn(4)) given.if_member = world.HandleOf(BELAY_KIND_CALLBACK);
  std::uint64_t version = 0;
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] {
    return belay_name_bind(broker, world.OrNull(name.c_str()), callback, world.OrNull(&given),
                           world.OrNull(&version));
  });
}

void Unbind(World& world) {
  const std::string name = Name(world);
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_handle callback = world.in.OneIn(2) ? world.HandleOf(BELAY_KIND_CALLBACK) : 0;
  world.Checked([&] { return belay_name_unbind(broker, world.OrNull(name.c_str()), callback); });
}

void Resolve(World& world) {
  const std::string name = Name(world);
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_handle holder = world.in.OneIn(2) ? world.HandleOf(BELAY_KIND_OWNER) : 0;
  world.Opened([&](belay_handle* callback) {
    return belay_name_resolve(broker, world.OrNull(name.c_str()), holder, callback);
  });
}

void ResolveAll(World& world) {
  const std::string name = Name(world);
  belay_handle callbacks[4] = {};
  std::uint64_t count = 0;
  const std::uint64_t capacity = world.in.Below(5);
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_handle holder = world.in.OneIn(2) ? world.HandleOf(BELAY_KIND_OWNER) : 0;
  const belay_status status = world.Checked([&] {
    return belay_name_resolve_all(broker, world.OrNull(name.c_str()), holder,
                                  world.OrNull(&callbacks[0]), capacity, world.OrNull(&count));
  });
  if (status == BELAY_BUFFER_TOO_SMALL && count <= capacity)
    Violation("I2", "members are said not to fit, and are as many as would");
  if (status != BELAY_OK) return;
  for (std::uint64_t i = 0; i < count; ++i) world.Keep(status, callbacks[i]);
}

void List(World& world) {
  Padded<belay_name_info> after;
  const std::string name = Name(world).substr(0, sizeof after.value.name);
  name.copy(after.value.name, name.size());
  after.value.struct_size = world.StructSize(sizeof after.value);
  after.value.bound_version = world.in.Byte();
  std::vector<Padded<belay_name_info>> infos(4);
  infos[0].value.struct_size = world.StructSize(sizeof(belay_name_info));
  const std::uint64_t capacity = world.in.Below(5);
  std::uint64_t count = 0;
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  const belay_status status = world.Checked([&] {
    return belay_name_list(broker, world.in.OneIn(2) ? &after.value : nullptr,
                           world.OrNull(&infos[0].value), capacity, world.OrNull(&count));
  });
  if (status == BELAY_OK && count > capacity) Violation("I7", "a page is longer than asked for");
}

constexpr Operation kOperations[] = {Bind, Unbind, Resolve, ResolveAll, List};

}  // namespace

std::span<const Operation> NameOperations() { return kOperations; }

}  // namespace belay::fuzz
