// How long it takes until a store can be used again whose process was killed while it wrote.
//
// Invariants
//   - The writer never gets to close its store, and is in the middle of a put when it is killed.
//   - What is timed is the first opening since, in a process that does nothing else before.
#include "tests/bench/store/open.h"

#include <cstdio>
#include <memory>
#include <string_view>

#include "tests/bench/child.h"
#include "tests/bench/folder.h"
#include "tests/bench/process.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/raw.h"
#include "tests/bench/timing.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 3;
constexpr std::size_t kLargeValueBytes = 1 << 10;
constexpr std::size_t kEntriesPerMebibyte = (1 << 20) / kLargeValueBytes;
constexpr double kBudgetMs = 1'000;
constexpr std::string_view kFillWord = "--fill";
constexpr std::string_view kTimeWord = "--time_open";

std::unique_ptr<Engine> OpenByName(std::string_view name, const std::string& folder) {
  if (name == "raw") return std::make_unique<Raw>(folder, Durability::kAsync);
  return std::make_unique<Ours>(folder, Durability::kAsync);
}

// Puts `first_mebibytes` of them in no order, says so, and goes on until it is killed.
[[noreturn]] void FillForEver(std::string_view name, const std::string& folder,
                              std::size_t mebibytes, std::size_t first_mebibytes) {
  const std::vector<Key> keys = KeysInNoOrder(mebibytes * kEntriesPerMebibyte);
  const Values values(kLargeValueBytes);
  const auto engine = OpenByName(name, folder);
  const auto session = engine->NewSession();
  Cycle cycle(keys, values, 0);
  for (std::size_t done = 0;; ++done) {
    if (done == first_mebibytes * kEntriesPerMebibyte) {
      std::puts("full");
      std::fflush(stdout);
    }
    const Entry entry = cycle.Next();
    session->Put(entry.key, entry.value);
  }
}

// In a process of its own.
double OpeningMs(const std::string& name, const std::string& folder) {
  Child child({ThisProgram(), std::string(kTimeWord), name, folder});
  return std::stod(child.ReadLine());
}

// Of several kills of a writer in one store, each followed by an opening. The first writer fills it, the others
// write enough of it anew that the log is as long as it gets.
std::vector<double> OpeningsMs(const std::string& name, const std::string& folder,
                               std::size_t mebibytes) {
  std::vector<double> openings_ms;
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t first = round == 0 ? mebibytes : (mebibytes + 3) / 4;
    Child writer({ThisProgram(), std::string(kFillWord), name, folder, std::to_string(mebibytes),
                  std::to_string(first)});
    writer.ReadLine();
    writer.Kill();
    openings_ms.push_back(OpeningMs(name, folder));
  }
  return openings_ms;
}

}  // namespace

std::optional<int> RunPartOfOpen(const std::vector<std::string>& arguments) {
  if (arguments.size() == 5 && arguments[0] == kFillWord) {
    FillForEver(arguments[1], arguments[2], std::stoul(arguments[3]), std::stoul(arguments[4]));
  }
  if (arguments.size() != 3 || arguments[0] != kTimeWord) return std::nullopt;
  const auto begin = SteadyClock::now();
  const auto engine = OpenByName(arguments[1], arguments[2]);
  std::printf("%f\n", NsBetween(begin, SteadyClock::now()) / 1e6);
  return 0;
}

void OpenRows(Report& report, std::size_t mebibytes) {
  const Folder folder;
  const auto raw_ms = OpeningsMs("raw", folder.At("raw"), mebibytes);
  const auto our_ms = OpeningsMs("ours", folder.At("ours"), mebibytes);
  const std::string what = "open after kill -9, " + std::to_string(mebibytes) + " MiB of data";
  report.Add(Within(what, Percentile(our_ms, 50), "ms", kBudgetMs));
  report.Add(Beside("the same, the slowest of " + std::to_string(kRounds), Percentile(our_ms, 100),
                    "ms", Percentile(raw_ms, 100)));
}

}  // namespace belay::bench
