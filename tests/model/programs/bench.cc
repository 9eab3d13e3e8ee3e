#include "tests/model/programs/bench.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>

#include "tests/model/programs/shrink.h"

namespace belay::programs {
namespace {

constexpr std::uint64_t kForEverMs = 20'000;

void NoLog(void* /*context*/, std::int32_t /*level*/, const char* /*text*/) {}

belay_handle Open() {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.name = "programs";
  options.log = &NoLog;
  belay_handle broker = 0;
  (void)belay_open(&options, &broker);
  return broker;
}

// When a callback that drains now has drained, so have those that could before it.
void Barrier(belay_handle broker) {
  if (broker == 0) return;
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.callback = [](void*, belay_call*) -> belay_status { return BELAY_OK; };
  options.label = "barrier";
  belay_handle last = 0;
  if (belay_register(broker, &options, &last) != BELAY_OK) return;
  (void)belay_unregister(last);
  (void)belay_drain(last, kForEverMs);
  (void)belay_release(last);
}

bool NeedsOwnBroker(const Program& program) {
  return std::ranges::find(program, Do::kCloseBroker, &Op::what) != program.end();
}

}  // namespace

Bench::Bench() : broker_(Open()) {}

Bench::~Bench() {
  if (belay_close(broker_, abandoned_.empty() ? kForEverMs : 0) == BELAY_OK) return;
  // After a difference the library may yet run what it owes.
  for (std::unique_ptr<Dues>& dues : unsettled_) (void)dues.release();
  for (std::unique_ptr<Runner>& runner : abandoned_) (void)runner.release();
}

std::optional<Divergence> Bench::Run(const Program& program, Care care) {
  Dues& dues = *unsettled_.emplace_back(std::make_unique<Dues>());
  const bool own = NeedsOwnBroker(program);
  auto runner = std::make_unique<Runner>(own ? Open() : broker_,
                                         own ? Runner::Broker::kOwn : Runner::Broker::kShared, dues,
                                         alarm_, care == Care::kCareful ? &Barrier : nullptr);
  std::optional<Divergence> divergence = runner->Run(program);
  operations_ += runner->operations();
  successes_ += runner->successes();
  if (divergence) {
    runner->Abandon();
    abandoned_.push_back(std::move(runner));
    return divergence;
  }
  if (care == Care::kCareful) return Settle();
  return unsettled_.size() > kUnsettled ? SettleOldest() : std::nullopt;
}

std::optional<Divergence> Bench::Settle() {
  while (!unsettled_.empty()) {
    if (auto divergence = SettleOldest()) return divergence;
  }
  return {};
}

std::optional<Divergence> Bench::SettleOldest() {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kForEverMs);
  const Dues& oldest = *unsettled_.front();
  while (!oldest.HaveCome() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  std::optional<std::string> wrong = oldest.Wrong();
  if (alarm_.text() != nullptr) wrong = alarm_.text();
  if (wrong) return Divergence{SIZE_MAX, *wrong};
  unsettled_.pop_front();
  return {};
}

namespace {

// "R5" of "R5: the release function ...".
std::string_view InvariantOf(const Divergence& divergence) {
  return std::string_view(divergence.text).substr(0, divergence.text.find(':'));
}

// Each time, and of the same invariant: names whose policy is chance, and a machine that is busy, make a part fail
// once that does not fail by itself.
bool FailsAlike(const Program& part, const Divergence& whole) {
  constexpr int kTimes = 5;
  for (int time = 0; time < kTimes; ++time) {
    const auto failure = RunAlone(part);
    if (!failure || InvariantOf(*failure) != InvariantOf(whole)) return false;
  }
  return true;
}

}  // namespace

std::optional<Divergence> RunAlone(const Program& program) {
  Bench bench;
  return bench.Run(program, Care::kCareful);
}

Outcome RunAll(const Search& search) {
  Outcome outcome;
  Bench bench;
  std::optional<Divergence> divergence;
  std::uint64_t seed = search.first_seed;
  while (!divergence && bench.operations() < search.operations && search.go_on(bench.operations()))
    divergence = bench.Run(Generate(seed++, search.length), Care::kFast);
  if (!divergence) divergence = bench.Settle();
  outcome.programs = seed - search.first_seed;
  outcome.operations = bench.operations();
  outcome.successes = bench.successes();
  if (!divergence) return outcome;

  const std::uint64_t suspects = std::min<std::uint64_t>(outcome.programs, Bench::kUnsettled + 1);
  for (std::uint64_t suspect = seed - 1; suspect >= seed - suspects; --suspect) {
    Program program = Generate(suspect, search.length);
    const auto whole = RunAlone(program);
    if (!whole || !FailsAlike(program, *whole)) continue;
    program =
        Shrink(std::move(program), [&](const Program& part) { return FailsAlike(part, *whole); });
    const auto alone = RunAlone(program);
    outcome.found = {suspect, program, alone.value_or(*divergence), true};
    return outcome;
  }
  outcome.found = {seed - 1, Generate(seed - 1, search.length), *divergence, false};
  return outcome;
}

std::string Tell(const Found& found) {
  return found.divergence.text + "\nat operation " +
         (found.divergence.op == SIZE_MAX ? "(after the end)"
                                          : std::to_string(found.divergence.op)) +
         " of the program of seed " + std::to_string(found.seed) +
         (found.alone ? ", shrunk to " : ", which does not fail alone: ") +
         std::to_string(found.program.size()) + " operations:\n" + ToSource(found.program) + "\n";
}

}  // namespace belay::programs
