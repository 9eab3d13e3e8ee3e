// Callbacks, owners, brokers and what can be asked of their handles.
#include <cstring>
#include <vector>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// Some of them spelled badly on purpose. Only the first is ever called: it is World::Typed's own.
constexpr const char* kSignatures[] = {
    "i64(i64)",
    "i64( i64 )",
    "void(bool)",
    "f64(f64,f64,f32)",
    "ptr()",
    "i64(i64,)",
    "i65(i64)",
    "(",
    "",
    "void(void)",
    "u8(i8,i16,i32,u16,u32,u64)",
    "u8(u8,u8,u8,u8,u8,u8,u8)",
};

void Describing(World& /*world*/) {
  if (belay_abi_version() != BELAY_ABI_VERSION || belay_version() == nullptr)
    Violation("I5", "the library is not of its header's version");
}

void StatusName(World& world) {
  const auto status = static_cast<belay_status>(world.in.Byte()) - 64;
  if (std::strlen(belay_status_name(status)) == 0) Violation("I2", "a status without a name");
}

void LastError(World& world) {
  Padded<belay_error> error;
  error.value.struct_size = world.StructSize(sizeof error.value);
  belay_last_error(world.OrNull(&error.value));
}

void Release(World& world) {
  const belay_handle handle = world.AnyHandle();
  if (world.IsLent(handle)) return;
  world.Checked([&] { return belay_release(handle); });
}

void Open(World& world) {
  Padded<belay_broker_options> options;
  const std::string name = world.in.Bytes();
  options.value.struct_size = world.StructSize(sizeof options.value);
  options.value.name = world.OrNull(name.c_str());
  options.value.log = &World::Log;
  if (world.in.OneIn(16)) options.value.store_path = "";
  world.OpenBroker(world.OrNull(&options.value));
}

void Close(World& world) {
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  if (world.IsLent(broker)) return;
  world.Checked([&] { return belay_close(broker, world.TimeoutMs()); });
}

void OwnerOpen(World& world) {
  const std::string name = world.in.Bytes();
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  world.Opened([&](belay_handle* owner) {
    return belay_owner_open(broker, world.OrNull(name.c_str()), owner);
  });
}

void OwnerClose(World& world) {
  const belay_handle owner = world.HandleOf(BELAY_KIND_OWNER);
  if (world.IsLent(owner)) return;
  world.Checked([&] { return belay_owner_close(owner); });
}

void Register(World& world, bool is_typed) {
  Padded<belay_callback_options> options;
  belay_callback_options& given = options.value;
  const std::string label = world.in.Bytes();
  Due& context = world.NewContext();
  given.struct_size = world.StructSize(sizeof given);
  given.flags = world.in.OneIn(64) ? world.in.Byte() : 0;
  given.release = world.OrNull(&Due::Run);
  given.label = world.OrNull(label.c_str());
  given.site = given.label;
  // Both, or none, now and then.
  if (!is_typed != world.in.OneIn(64)) given.callback = &World::Callback;
  if (is_typed) {
    given.signature = world.OrNull(kSignatures[world.in.Below(std::size(kSignatures))]);
    given.typed = reinterpret_cast<belay_function>(&World::Typed);
  }
  world.Register(options, context);
}

void RegisterNative(World& world) { Register(world, false); }
void RegisterTyped(World& world) { Register(world, true); }

void Retain(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_handle holder = world.in.OneIn(2) ? world.HandleOf(BELAY_KIND_OWNER) : 0;
  const std::uint32_t rights = world.in.Byte();
  world.Opened([&](belay_handle* retained) {
    return belay_retain(callback, holder, world.in.OneIn(2) ? rights : 0, retained);
  });
}

void Unregister(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_unregister(callback); });
}

void Drain(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_drain(callback, world.TimeoutMs()); });
}

void DrainAll(World& world) {
  std::vector<belay_handle> callbacks(1 + world.in.Below(8));
  for (belay_handle& callback : callbacks) callback = world.HandleOf(BELAY_KIND_CALLBACK);
  // Null with a count, or a count of none, now and then.
  const std::uint64_t count = world.in.OneIn(16) ? 0 : callbacks.size();
  world.Checked(
      [&] { return belay_drain_all(world.OrNull(callbacks.data()), count, world.TimeoutMs()); });
}

void DrainNotify(World& world) {
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  Due& notice = world.NewContext();
  const belay_release_fn notify = world.OrNull(&Due::Run);
  const belay_status status =
      world.Checked([&] { return belay_drain_notify(callback, notify, &notice); });
  notice.Expect(status == BELAY_OK ? 1 : 0);
}

void Invoke(World& world) {
  Padded<belay_call> room;
  belay_call& call = room.value;
  const std::string request = world.in.Bytes();
  char reply[16] = {};
  call.struct_size = world.StructSize(sizeof call);
  call.request = world.OrNull(request.data());
  call.request_size = request.size();
  call.reply = world.OrNull(&reply[0]);
  call.reply_capacity = world.in.Below(sizeof reply + 1);
  if (world.in.OneIn(16)) call.deadline_ns = world.in.OneIn(2) ? 1 : INT64_MAX;
  if (world.in.OneIn(16)) call.caller = world.AnyHandle();
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_status status =
      world.Checked([&] { return belay_invoke(callback, world.OrNull(&call)); });
  if ((status == BELAY_BUFFER_TOO_SMALL) != (call.kept != nullptr))
    Violation("I3", "a reply is kept that nobody is told of, or the other way round");
  if (call.kept == nullptr) return;
  // The reply is there until it is taken, whatever is asked of it before.
  const auto size = static_cast<std::size_t>(call.reply_size);
  std::string whole(size, '\0');
  if (belay_call_take(&call, whole.data(), size - 1) != BELAY_BUFFER_TOO_SMALL ||
      belay_call_take(&call, nullptr, size) != BELAY_INVALID_ARGUMENT ||
      belay_invoke(callback, &call) != BELAY_INVALID_ARGUMENT ||
      (world.in.OneIn(2) ? belay_call_take(&call, nullptr, 0)
                         : belay_call_take(&call, whole.data(), size)) != BELAY_OK ||
      belay_call_take(&call, whole.data(), size) != BELAY_NOT_FOUND)
    Violation("I3", "a kept reply cannot be taken, or not once");
}

// The functions for callbacks, outside of any.
void Reply(World& world) {
  Padded<belay_call> room;
  belay_call& call = room.value;
  const std::string bytes = world.in.Bytes();
  char reply[16] = {};
  call.struct_size = world.StructSize(sizeof call);
  call.reply = &reply[0];
  call.reply_capacity = sizeof reply;
  belay_call* const passed = world.OrNull(&call);
  world.Checked([&] {
    return belay_call_reply(
        passed, world.OrNull(bytes.data()),
        world.in.OneIn(32) ? world.in.Word() | std::uint64_t{1} << 63U : bytes.size());
  });
  if (world.in.OneIn(2)) belay_call_fail(passed, world.OrNull(bytes.c_str()));
  if (world.in.OneIn(4)) world.Checked([&] { return belay_call_take(passed, &reply[0], 8); });
  belay_call_take(passed, nullptr, 0);
}

void Pin(World& world) {
  Padded<belay_pin_info> info;
  info.value.struct_size = world.StructSize(sizeof info.value);
  const std::size_t which = world.in.OneIn(4) ? world.in.Below(std::size(kSignatures)) : 0;
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  const belay_status status = world.Checked([&] {
    return belay_pin(callback, world.OrNull(kSignatures[which]), world.OrNull(&info.value));
  });
  if (status != BELAY_OK) return;
  world.Keep(status, info.value.pin);
  if (which != 0) return;
  world.Step(world.in.Below(4));
  const auto typed = reinterpret_cast<std::int64_t (*)(void*, std::int64_t)>(info.value.function);
  // Unless the steps unpinned it, it may be called.
  Padded<belay_handle_info> pin;
  pin.value.struct_size = sizeof pin.value;
  if (belay_describe(info.value.pin, &pin.value) == BELAY_OK && typed(info.value.context, 41) != 42)
    Violation("R11", "a pin yields another function than was registered");
}

void Unpin(World& world) {
  const belay_handle pin = world.HandleOf(BELAY_KIND_PIN);
  world.Checked([&] { return belay_unpin(pin); });
}

void Describe(World& world) {
  Padded<belay_handle_info> info;
  info.value.struct_size = world.StructSize(sizeof info.value);
  const belay_handle handle = world.AnyHandle();
  world.Checked([&] { return belay_describe(handle, world.OrNull(&info.value)); });
}

void List(World& world) {
  constexpr std::size_t kEntries = 4;
  std::vector<Padded<belay_handle_info>> infos(kEntries);
  const std::uint32_t stride = world.StructSize(sizeof(belay_handle_info));
  infos[0].value.struct_size = stride;
  std::uint64_t after = world.in.OneIn(16) ? world.in.Word() : 0;
  std::uint64_t count = 0;
  const belay_handle broker = world.HandleOf(BELAY_KIND_BROKER);
  for (std::size_t page = 0; page < 3; ++page) {
    const std::uint64_t capacity = world.in.Below(kEntries + 1);
    const belay_status status = world.Checked([&] {
      return belay_list(broker, world.OrNull(&after), world.OrNull(&infos[0].value), capacity,
                        world.OrNull(&count));
    });
    if (status != BELAY_OK || count < capacity) return;
    if (count > capacity) Violation("I7", "a page is longer than asked for");
  }
}

constexpr Operation kOperations[] = {
    Describing, StatusName, LastError,      Release,       Open,       Close,    OwnerOpen,
    OwnerClose, Retain,     RegisterNative, RegisterTyped, Unregister, Drain,    DrainNotify,
    DrainAll,   Invoke,     Reply,          Pin,           Unpin,      Describe, List,
};

}  // namespace

std::span<const Operation> RegistryOperations() { return kOperations; }

}  // namespace belay::fuzz
