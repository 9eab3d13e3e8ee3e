// The two races that the asymmetric fence decides, run as litmus tests: no registry, no reaper thread,
// only pins and the table.
//
//   pin   caller: hazard = handle; read key        reaper: key = 0; fence; read hazards
//         Forbidden (R5): the call finds its handle live, and the scan does not find the call.
//   wake  caller: hazard = 0; read key             reaper: waiting = 1; key = 0; fence; read hazards
//         Forbidden (R6): the scan finds the call, and the call's end wakes nobody.
//
//   fence_litmus [--seconds N] [--only pin|wake]
//
// A store buffer that drains at once shows neither. So before the race the caller writes to cache lines that
// the reaper has just written: its hazard has to wait behind them while its load of the key goes ahead.
// Ends with status 0 and a line of figures, or 3 and the outcome that must not be.
#include <sched.h>

#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>

#include "broker/registry/pin.h"
#include "tests/model/model.h"

namespace belay::model {
namespace {

using registry::CallPin;
using registry::HandleTable;
using registry::Kind;
using registry::SlotOf;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kNoiseLines = 40;  // less than a store buffer holds

struct alignas(64) Line {
  std::atomic<std::uint64_t> value{0};
};

struct Arena {
  Line go;        // the round that the caller may race in; 0: stop
  Line ready;     // the round that the caller is prepared for
  Line caller;    // the round that the caller has raced in
  Line reaper;    // the round that the reaper has scanned in
  Line handle;    // of the round
  Line is_wake;   // of the round
  Line linger;    // how long the caller is to wait before it races
  Line was_live;  // what the caller found
  std::array<Line, kNoiseLines> noise;
};

// Something that handles may refer to. A broker's kind, because that needs no registry above it.
class Thing final : public registry::Object {
 public:
  Thing() : Object(Kind::kBroker) { id = HandleTable::Get().objects().Adopt(this); }
};

template <typename Fn>
void SpinUntil(Fn done) {
  for (int spins = 0; !done(); ++spins) {
    if (spins > 2000) std::this_thread::yield();  // the other one may have lost its processor
  }
}

void StayOn(std::size_t which) {
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || which-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ::sched_setaffinity(0, sizeof one, &one);
  }
}

void Linger(std::uint64_t steps) {
  for (; steps > 0; --steps) std::atomic_signal_fence(std::memory_order_seq_cst);
}

void Caller(Arena& arena) {
  StayOn(0);
  std::uint64_t last = 0;
  while (true) {
    std::uint64_t round = 0;
    SpinUntil([&] { return (round = arena.ready.value.load(std::memory_order_acquire)) != last; });
    if (round == 0) return;
    last = round;
    const Handle handle = arena.handle.value.load(std::memory_order_relaxed);
    const bool is_wake = arena.is_wake.value.load(std::memory_order_relaxed) != 0;
    const std::uint64_t linger = arena.linger.value.load(std::memory_order_relaxed);
    const auto make_noise = [&] {
      for (Line& line : arena.noise) line.value.store(round, std::memory_order_relaxed);
    };
    // The key's line is near, as in a program that calls often.
    (void)HandleTable::Get().slot(SlotOf(handle)).key.load(std::memory_order_relaxed);
    if (is_wake) {
      {
        const CallPin pin(handle);
        arena.caller.value.store(round, std::memory_order_release);  // inside
        SpinUntil([&] { return arena.go.value.load(std::memory_order_acquire) == round; });
        Linger(linger);
        make_noise();
      }
    } else {
      arena.caller.value.store(round, std::memory_order_release);
      SpinUntil([&] { return arena.go.value.load(std::memory_order_acquire) == round; });
      Linger(linger);
      make_noise();
      const CallPin pin(handle);
      arena.was_live.value.store(pin ? 1 : 0, std::memory_order_relaxed);
      SpinUntil([&] { return arena.reaper.value.load(std::memory_order_acquire) == round; });
    }
    arena.caller.value.store(round + 1, std::memory_order_release);  // out
  }
}

// By how much the reaper starts later than the caller, in steps of Linger; negative: earlier. Follows the
// outcomes to where either side may win, whatever the machine and the compiler make of the rest.
struct Lead {
  std::int64_t steps = 0;
  void Adjust(bool reaper_was_first) { steps += reaper_was_first ? 5 : -5; }
};

struct Figures {
  std::uint64_t rounds = 0;
  std::uint64_t seen = 0;   // scans that found the call
  std::uint64_t other = 0;  // pin: calls that found the handle live; wake: ends that woke
  Lead lead;
  registry::HazardScan scan;
};

std::uint32_t TakeSlot() {
  std::uint32_t slot = 0;
  return HandleTable::Get().Take({&slot, 1}) == 1 ? slot : 0;
}

// One round, the reaper's side. Rounds are even numbers.
void Race(Arena& arena, std::uint64_t round, bool is_wake, Thing& thing, Figures& figures) {
  HandleTable& table = HandleTable::Get();
  const Handle handle =
      table.Publish(TakeSlot(), thing, nullptr, nullptr, registry::Form::kFast, 0);
  arena.handle.value.store(handle, std::memory_order_relaxed);
  arena.is_wake.value.store(is_wake ? 1 : 0, std::memory_order_relaxed);
  // Near the border, and further from it now and then.
  const auto span = std::int64_t{64} << (round / 4 % 3 * 2);
  const std::int64_t lead =
      figures.lead.steps + static_cast<std::int64_t>(round * 7919 % 4096) % span - span / 2;
  arena.linger.value.store(lead < 0 ? static_cast<std::uint64_t>(-lead) : 0,
                           std::memory_order_relaxed);
  arena.ready.value.store(round, std::memory_order_release);
  SpinUntil([&] { return arena.caller.value.load(std::memory_order_acquire) == round; });
  for (Line& line : arena.noise) line.value.store(round, std::memory_order_relaxed);
  const std::uint64_t epoch = table.epoch();
  if (is_wake) table.waiting_reapers.fetch_add(1, std::memory_order_seq_cst);
  arena.go.value.store(round, std::memory_order_release);
  if (lead > 0) Linger(static_cast<std::uint64_t>(lead));

  table.SetForm(SlotOf(handle), registry::Form::kRetired);
  registry::HeavyFence(table.fence_mode());
  table.Scan(figures.scan);
  const bool seen = figures.scan.HasSlot(SlotOf(handle));
  arena.reaper.value.store(round, std::memory_order_release);
  SpinUntil([&] { return arena.caller.value.load(std::memory_order_acquire) == round + 1; });
  ++figures.rounds;
  figures.seen += seen ? 1U : 0U;
  if (is_wake) {
    table.waiting_reapers.fetch_sub(1, std::memory_order_seq_cst);
    const bool woke = table.epoch() != epoch;
    figures.other += woke ? 1U : 0U;
    figures.lead.Adjust(woke);
    if (seen && !woke) {
      Violation("R6", "round " + std::to_string(figures.rounds) +
                          ": the scan found a call whose end woke nobody");
    }
  } else {
    const bool was_live = arena.was_live.value.load(std::memory_order_relaxed) != 0;
    figures.other += was_live ? 1U : 0U;
    figures.lead.Adjust(!was_live);
    if (was_live && !seen) {
      Violation("R5", "round " + std::to_string(figures.rounds) +
                          ": a call began that the scan after the fence did not find");
    }
  }
  const std::uint32_t slot = SlotOf(handle);
  table.Free({&slot, 1});
  thing.DropReference();
}

int Main(int argc, char** argv) {
  double seconds = 3;
  std::string_view only;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) seconds = std::strtod(argv[i + 1], nullptr);
    if (std::strcmp(argv[i], "--only") == 0) only = argv[i + 1];
  }
  Arena arena;
  auto thing = registry::Ref<Thing>::Adopt(new Thing);
  std::thread caller([&] { Caller(arena); });
  StayOn(1);
  Figures pin;
  Figures wake;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (std::uint64_t round = 2; Clock::now() < end; round += 2) {
    const bool is_wake = only.empty() ? round % 4 == 0 : only == "wake";
    Race(arena, round, is_wake, *thing, is_wake ? wake : pin);
  }
  arena.ready.value.store(0, std::memory_order_release);
  caller.join();
  std::printf("fence_litmus: ok, %s fence\n",
              HandleTable::Get().fence_mode() == registry::FenceMode::kPortable ? "portable"
                                                                                : "membarrier");
  std::printf("  pin:  %llu rounds, %llu calls found their handle live, %llu were found\n",
              static_cast<unsigned long long>(pin.rounds),
              static_cast<unsigned long long>(pin.other),
              static_cast<unsigned long long>(pin.seen));
  std::printf("  wake: %llu rounds, %llu calls were found, %llu ends woke\n",
              static_cast<unsigned long long>(wake.rounds),
              static_cast<unsigned long long>(wake.seen),
              static_cast<unsigned long long>(wake.other));
  return 0;
}

}  // namespace
}  // namespace belay::model

int main(int argc, char** argv) { return belay::model::Main(argc, argv); }
