#include "tests/model/programs/crowd.h"

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "tests/model/programs/crowd_worker.h"

namespace belay::programs {
namespace {

void NoLog(void* /*context*/, std::int32_t /*level*/, const char* /*text*/) {}

void Open(Crowd& crowd) {
  belay_broker_options options{};
  options.struct_size = sizeof options;
  options.name = "crowd";
  options.log = &NoLog;
  belay_executor_options executor{};
  executor.struct_size = sizeof executor;
  executor.name = "crowd";
  executor.max_calls = 64;
  const bool opened = belay_open(&options, &crowd.broker) == BELAY_OK &&
                      belay_queue_open(crowd.broker, &executor, &crowd.queue) == BELAY_OK &&
                      belay_strand_open(crowd.broker, &executor, &crowd.strand) == BELAY_OK;
  if (!opened) crowd.Violate("cannot open a broker");
  crowd.everybody.handle = crowd.broker;
  for (std::size_t i = 0; i < Crowd::kGuilds; ++i) NewGuild(crowd, i);
}

// The queue's host, until the queue is closed: hands every event over to itself, and finishes it.
void Host(Crowd& crowd) {
  constexpr std::uint64_t kMost = 16;
  std::uint64_t count = 0;
  for (bool by_hand = false;; by_hand = !by_hand) {
    if (!by_hand) {
      if (belay_queue_run(crowd.queue, kMost, Crowd::kForEverMs, &count) != BELAY_OK) return;
      continue;
    }
    std::array<belay_work, kMost> events{};
    std::array<belay_result, kMost> results{};
    events[0].struct_size = sizeof(belay_work);
    if (belay_queue_poll(crowd.queue, events.data(), kMost, Crowd::kForEverMs, &count) != BELAY_OK)
      return;
    for (std::size_t i = 0; i < count; ++i) {
      results[i].struct_size = sizeof(belay_result);
      results[i].id = events[i].id;
      if (events[i].kind == BELAY_WORK_CALL)
        results[i].status = events[i].callback(events[i].context, events[i].call);
      if (events[i].kind == BELAY_WORK_RELEASE) events[i].release(events[i].context);
      if (events[i].kind == BELAY_WORK_COMPLETION)
        Answer::Run(reinterpret_cast<void*>(events[i].tag), events[i].outcome);
    }
    if (count != 0 && belay_queue_finish(crowd.queue, results.data(), count) != BELAY_OK)
      crowd.Violate("R10: an event that was handed out cannot be finished");
  }
}

// Handles that lead to something of the round's, but for the queue and the strand.
std::uint64_t HandlesLeft(belay_handle broker) {
  std::vector<belay_handle_info> page(64);
  page[0].struct_size = sizeof(belay_handle_info);
  std::uint64_t left = 0;
  std::uint64_t after = 0;
  std::uint64_t count = page.size();
  while (count == page.size() &&
         belay_list(broker, &after, page.data(), page.size(), &count) == BELAY_OK) {
    for (std::size_t i = 0; i < count; ++i) {
      if (page[i].kind == BELAY_KIND_CALLBACK || page[i].kind == BELAY_KIND_PIN) ++left;
    }
  }
  return left;
}

// Ends what is shared, and waits for all that is due.
void End(Crowd& crowd) {
  for (Crowd::Cell& cell : crowd.cells) (void)belay_release(cell.held.handle);
  for (Guild* guild : crowd.guilds) CloseGuild(*guild);
  for (const char* name : kCrowdNames) (void)belay_name_unbind(crowd.broker, name, 0);
  const auto deadline =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(Crowd::kForEverMs);
  const auto is_over = [&] {
    return crowd.released.load() == crowd.registered.load() &&
           crowd.answered.load() == crowd.asked.load();
  };
  while (!is_over() && !crowd.violated() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  if (crowd.released.load() != crowd.registered.load())
    crowd.Violate("R3: " + std::to_string(crowd.registered.load()) +
                  " contexts were handed over, " + std::to_string(crowd.released.load()) +
                  " released");
  if (crowd.answered.load() != crowd.asked.load())
    crowd.Violate("R18: " + std::to_string(crowd.asked.load()) + " calls were accepted, " +
                  std::to_string(crowd.answered.load()) + " ended");
  if (const std::uint64_t left = HandlesLeft(crowd.broker); left != 0)
    crowd.Violate("R12: " + std::to_string(left) + " handles are left");
}

}  // namespace

void Crowd::Violate(std::string text) {
  const std::lock_guard lock(mutex_);
  if (violated_.exchange(true)) return;
  text_ = std::move(text);
}

std::optional<std::string> Crowd::violation() {
  const std::lock_guard lock(mutex_);
  return violated_.load() ? std::optional(text_) : std::nullopt;
}

RoundOutcome RunRound(const Round& round) {
  auto crowd = std::make_unique<Crowd>();
  Open(*crowd);
  std::vector<std::unique_ptr<CrowdWorker>> workers;
  RoundOutcome outcome;
  {
    std::thread host([&] { Host(*crowd); });
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < round.threads; ++i) {
      // Far apart, so that no thread of one round runs the programs of another's.
      const std::uint64_t seed = (round.seed * round.threads + i) << 20U;
      workers.push_back(std::make_unique<CrowdWorker>(*crowd, seed));
      threads.emplace_back(
          [&round, worker = workers.back().get()] { worker->Run(round.operations_each); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const auto& worker : workers) {
      outcome.operations += worker->operations();
      outcome.successes += worker->successes();
    }
    End(*crowd);
    (void)belay_release(crowd->queue);
    host.join();
  }
  const std::uint64_t timeout_ms = crowd->violated() ? 0 : Crowd::kForEverMs;
  const belay_status closed = belay_close(crowd->broker, timeout_ms);
  if (closed != BELAY_OK)
    crowd->Violate(std::string("R12: the close says ") + belay_status_name(closed));
  outcome.violated = crowd->violation();
  if (outcome.violated) {  // who knows what the library will run yet
    for (auto& worker : workers) (void)worker.release();
    (void)crowd.release();
  }
  return outcome;
}

}  // namespace belay::programs
