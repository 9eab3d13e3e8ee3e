#include "tests/fuzz/world.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::uint64_t kPatienceMs = 30'000;

std::uint32_t KindOf(belay_handle handle) { return static_cast<std::uint32_t>(handle >> 56U); }

// Which list a byte chooses from is as fixed as the order in each: the corpus stays what it is.
std::span<const Operation> OperationsFor(std::size_t choice) {
  if (choice < 128) return RegistryOperations();
  if (choice < 156) return StoreOperations();
  if (choice < 184) return BatchOperations();
  if (choice < 200) return HookOperations();
  if (choice < 208) return MaintenanceOperations();
  if (choice < 216) return NameOperations();
  if (choice < 232) return OwnerOperations();
  if (choice < 248) return ExecutorOperations();
  return CallOperations();
}

}  // namespace

void Violation(const char* invariant, const std::string& text) {
  std::fprintf(stderr, "VIOLATED %s: %s\n", invariant, text.c_str());
  std::abort();
}

// When a thread of Belay's ends: as its last thing, after all that it held is gone.
struct World::ThreadEnd {
  ~ThreadEnd() {
    if (world == nullptr) return;
    const std::lock_guard lock(world->mutex_);
    --world->open_brokers_;
    world->progress_.notify_all();
  }
  World* world = nullptr;
};

void World::OnBrokerEnd(void* world) {
  thread_local ThreadEnd end;
  end.world = static_cast<World*>(world);
}

belay_status World::OpenBroker(const belay_broker_options* options) {
  belay_handle broker = kNoHandle;
  belay_handle* const target = OrNull(&broker);
  const belay_status status = Checked([&] { return belay_open(options, target); });
  Keep(status, broker);
  if (status != BELAY_OK) return status;
  // A close that does not wait has no other end to be seen than this callback's and then its thread's.
  {
    const std::lock_guard lock(mutex_);
    ++open_brokers_;
  }
  belay_callback_options last{};
  last.struct_size = sizeof last;
  last.callback = [](void* /*context*/, belay_call* /*call*/) { return BELAY_OK; };
  last.context = this;
  last.release = &World::OnBrokerEnd;
  belay_handle ignored = 0;
  if (belay_register(broker, &last, &ignored) != BELAY_OK)
    Violation("R3", "a broker just opened takes no callback");
  return status;
}

World::World(Input input, std::span<const belay_handle> lent)
    : in(input), lent_(lent.begin(), lent.end()), handles_(lent_) {}

belay_handle World::AnyHandle() {
  const std::size_t choice = in.Byte();
  if (choice < 248 && !handles_.empty()) return handles_[choice % handles_.size()];
  switch (choice) {
    case 248: return in.Word();
    case 249: return in.Byte();
    case 250: return AnyHandle() ^ (belay_handle{1} << in.Below(64));
    case 251: return AnyHandle() + (belay_handle{1} << 24U);  // a generation later
    default: return 0;
  }
}

belay_handle World::HandleOf(std::uint32_t kind) {
  if (in.OneIn(16)) return AnyHandle();
  const auto is_kind = [kind](belay_handle handle) { return KindOf(handle) == kind; };
  const auto count =
      static_cast<std::size_t>(std::count_if(handles_.begin(), handles_.end(), is_kind));
  if (count == 0) return AnyHandle();
  // Counted from the youngest: programs are short, and 0 is what reads past their end.
  std::size_t skip = in.Byte() % count;
  const auto found = std::find_if(handles_.rbegin(), handles_.rend(), [&](belay_handle handle) {
    return is_kind(handle) && skip-- == 0;
  });
  return *found;
}

bool World::IsLent(belay_handle handle) const {
  return std::find(lent_.begin(), lent_.end(), handle) != lent_.end();
}

std::uint32_t World::StructSize(std::size_t full) {
  const auto size = static_cast<std::uint32_t>(full);
  switch (in.Byte()) {
    case 255: return 0;
    case 254: return 1;
    case 253: return 4;
    case 252: return size / 2;
    case 251: return size - 1;
    case 250: return size + 8;
    case 249: return size + 64;
    default: return size;
  }
}

Due& World::NewContext() {
  Due& context = NewDue();
  context.action = in.Below(16);
  // Not a pin: the program's thread may be calling through it.
  const belay_handle target = AnyHandle();
  context.target = KindOf(target) == BELAY_KIND_PIN ? 0 : target;
  return context;
}

void World::MayDrop() {
  for (Due& due : dues_) {
    if (due.is_context) due.least = 0;
  }
}

void World::Register(Padded<belay_callback_options>& options, Due& context) {
  belay_callback_options& given = options.value;
  given.context = &context;
  const belay_handle owner = in.OneIn(2) ? HandleOf(BELAY_KIND_OWNER) : HandleOf(BELAY_KIND_BROKER);
  const belay_callback_options* const passed = OrNull(&given);
  constexpr std::size_t kLeast = offsetof(belay_callback_options, release) + sizeof given.release;
  const bool is_taken =
      passed != nullptr && given.struct_size >= kLeast && given.release != nullptr;
  context.is_context = true;
  context.Expect(is_taken ? 1 : 0);
  Opened([&](belay_handle* callback) { return belay_register(owner, passed, callback); });
}

void World::Keep(belay_status status, belay_handle opened) {
  if ((status == BELAY_OK) != (opened != kNoHandle))
    Violation("I2",
              "an out-parameter was written by a call that failed, or not by one that did not");
  if (status == BELAY_OK) handles_.push_back(opened);
}

void World::CheckStatus(belay_status status, int errno_after) {
  if (errno_after != kErrno) Violation("R9", "errno changed to " + std::to_string(errno_after));
  if (status == BELAY_OK || status == BELAY_END) return;
  belay_error error{};
  error.struct_size = sizeof error;
  belay_last_error(&error);
  if (status == BELAY_INTERNAL)
    Violation("I7", std::string("a call returned BELAY_INTERNAL: ") + error.message);
  // A callback that fails may have nothing to say about it.
  const bool has_text = status == BELAY_CALLBACK_FAILED || std::strlen(error.message) != 0;
  if (error.status != status || !has_text)
    Violation("I2", "a call returned " + std::to_string(status) + ", its last error says " +
                        std::to_string(error.status) + " \"" + error.message + "\"");
}

void World::Step(std::size_t count) {
  for (; count > 0 && operations_left_ > 0 && !in.empty(); --count) {
    --operations_left_;
    const std::size_t choice = in.Byte();
    const auto operations = OperationsFor(choice);
    operations[choice % operations.size()](*this);
    host.Progress();
  }
}

void World::Run() {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.log = &World::Log;
  OpenBroker(&options);
  Step(operations_left_);
  End();
}

// What is bound to the names of a broker that stays would stay, too.
void World::UnbindAll(belay_handle broker) {
  belay_name_info info{};
  info.struct_size = sizeof info;
  std::uint64_t count = 0;
  while (belay_name_list(broker, nullptr, &info, 1, &count) == BELAY_OK && count != 0)
    belay_name_unbind(broker, info.name, 0);
}

// The program's part of the bargain: everything is released and closed. All else must follow.
void World::End() {
  host.FinishAll();
  for (const belay_handle handle : lent_) UnbindAll(handle);
  for (const belay_handle handle : handles_) {
    if (KindOf(handle) != BELAY_KIND_BROKER && KindOf(handle) != BELAY_KIND_OWNER &&
        !IsLent(handle))
      belay_release(handle);
  }
  for (const belay_handle handle : handles_) {
    if (KindOf(handle) == BELAY_KIND_OWNER) belay_owner_close(handle);
  }
  for (const belay_handle handle : handles_) {
    if (KindOf(handle) == BELAY_KIND_BROKER && !IsLent(handle) &&
        belay_close(handle, kPatienceMs) == BELAY_DEADLINE_EXCEEDED)
      Violation("R12", "a broker does not close though all handles are released");
  }
  std::unique_lock lock(mutex_);
  const bool all = progress_.wait_for(lock, kPatience, [this] {
    return open_brokers_ == 0 && std::all_of(dues_.begin(), dues_.end(),
                                             [](const Due& due) { return due.runs >= due.least; });
  });
  if (!all)
    Violation("R6",
              "a release function, a notice, a completion or a broker's end does not come, though "
              "nothing holds it");
  for (const Due& due : dues_) {
    if (due.runs > due.most)
      Violation("R3", "a release function, a notice or a completion ran that must not");
  }
}

}  // namespace belay::fuzz
