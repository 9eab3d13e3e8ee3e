// Threads do at random all that may be done to handles, and a reference model (model.h) judges what they
// are told and what runs when.
//
//   registry_stress [--threads N] [--seconds N] [--seed N]
//
// The seed is printed; BELAY_TEST_SEED or --seed runs the same programs again (their interleaving is the
// machine's). Ends with status 0 and a line of figures, or 3 and the invariant that did not hold.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "broker/registry/handle_table.h"
#include "broker/registry/registry.h"
#include "tests/model/model.h"
#include "tests/model/stress_worker.h"
#include "tests/model/stress_world.h"

namespace belay::model {
namespace {

using registry::Registry;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::size_t threads = 8;
  double seconds = 5;
  std::uint64_t seed = 0;
};

Arguments Parse(int argc, char** argv) {
  Arguments arguments;
  const char* given = std::getenv("BELAY_TEST_SEED");
  arguments.seed = given != nullptr ? std::strtoull(given, nullptr, 0) : std::random_device{}();
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--threads") == 0)
      arguments.threads = std::strtoull(argv[i + 1], nullptr, 0);
    if (std::strcmp(argv[i], "--seconds") == 0)
      arguments.seconds = std::strtod(argv[i + 1], nullptr);
    if (std::strcmp(argv[i], "--seed") == 0)
      arguments.seed = std::strtoull(argv[i + 1], nullptr, 0);
  }
  if (const char* soak = std::getenv("BELAY_SOAK_SECONDS"); soak != nullptr)
    arguments.seconds = std::strtod(soak, nullptr);
  if (arguments.threads == 0 || arguments.threads > kMaxThreads) {
    std::fprintf(stderr, "registry_stress: --threads must be 1 to %zu\n", kMaxThreads);
    std::exit(2);
  }
  return arguments;
}

int Main(int argc, char** argv) {
  const Arguments arguments = Parse(argc, argv);
  std::printf("registry_stress: seed %llu, %zu threads, %g s, %s fence\n",
              static_cast<unsigned long long>(arguments.seed), arguments.threads, arguments.seconds,
              registry::HandleTable::Get().fence_mode() == registry::FenceMode::kPortable
                  ? "portable"
                  : "membarrier");
  std::fflush(stdout);
  World world;
  g_world = &world;
  world.registry = std::move(*Registry::Open({}));
  world.root->handle = world.registry->handle();
  for (auto& owner : world.owners) {
    owner = std::make_shared<OwnerModel>();
    owner->handle = *world.registry->OpenOwner("shared");
  }
  const auto start = Clock::now();
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < arguments.threads; ++i) {
    workers.push_back(std::make_unique<Worker>(world, i, arguments.seed * kMaxThreads + i));
    threads.emplace_back([worker = workers.back().get()] { worker->Run(); });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(arguments.seconds));
  world.stop.store(true);
  for (std::thread& thread : threads) thread.join();
  const double took = std::chrono::duration<double>(Clock::now() - start).count();
  CheckRest(world);
  std::printf("registry_stress: ok, %llu operations on %llu callbacks in %.1f s, %.0f/s\n",
              static_cast<unsigned long long>(world.operations.load()),
              static_cast<unsigned long long>(world.registered.load()), took,
              static_cast<double>(world.operations.load()) / took);
  g_world = nullptr;
  return 0;
}

}  // namespace
}  // namespace belay::model

int main(int argc, char** argv) { return belay::model::Main(argc, argv); }
