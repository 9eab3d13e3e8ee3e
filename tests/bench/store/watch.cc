// How fast a watch in the same process hears of commits of one key each: beside those who make them, and of a
// backlog that is there when it is attached.
#include "tests/bench/folder.h"
#include "tests/bench/store/entries.h"
#include "tests/bench/store/groups.h"
#include "tests/bench/store/load.h"
#include "tests/bench/store/ours.h"
#include "tests/bench/store/watches.h"

namespace belay::bench {
namespace {

constexpr int kRounds = 3;
constexpr std::size_t kChanges = 300'000;
constexpr double kBudgetPerSecond = 500'000;
constexpr std::uint64_t kFirstRevision = 1;

struct Took {
  double writing_ns;   // for one change, the writers alone
  double beside_ns;    // for one change, from the first put to the last one told
  double catch_up_ns;  // for one change, from the attach to the last one told
};

// On a store of its own.
Took Measure(int writers, std::span<const Key> keys, const Values& values) {
  const Folder folder;
  Ours ours(folder.At("ours"), Durability::kAsync);
  Took took{};
  {
    Load load(ours, writers, keys, values);
    const Round put_all = load.Puts(static_cast<int>(kChanges) / writers);
    const CountingWatch watch(ours.broker(), ours.store(), kFirstRevision);
    const auto begin = SteadyClock::now();
    took.writing_ns = put_all();
    watch.WaitFor(kChanges);
    took.beside_ns = NsBetween(begin, SteadyClock::now()) / kChanges;
  }
  const auto begin = SteadyClock::now();
  const CountingWatch watch(ours.broker(), ours.store(), kFirstRevision);
  watch.WaitFor(kChanges);
  took.catch_up_ns = NsBetween(begin, SteadyClock::now()) / kChanges;
  return took;
}

}  // namespace

void WatchRows(Report& report) {
  const std::vector<Key> keys = KeysInNoOrder(kChanges);
  const Values values(kValueBytes);
  std::vector<double> catch_up_ns;
  for (const int writers : {1, 4}) {
    std::vector<double> writing_ns;
    std::vector<double> beside_ns;
    for (int round = 0; round < kRounds; ++round) {
      const Took took = Measure(writers, keys, values);
      writing_ns.push_back(took.writing_ns);
      beside_ns.push_back(took.beside_ns);
      catch_up_ns.push_back(took.catch_up_ns);
    }
    const std::string by = std::to_string(writers) + (writers == 1 ? " writer" : " writers");
    // No watch hears of more than is written: its own speed is the last row's.
    const double told = PerSecond(Percentile(beside_ns, 50));
    const double written = PerSecond(Percentile(writing_ns, 50));
    report.Add(Beside(
        "watch, from the first of 300,000 puts to the last told, against what is put by " + by,
        told, "events/s", written));
  }
  report.Add(Reaching("watch, catching up with 300,000 changes",
                      PerSecond(Percentile(catch_up_ns, 50)), "events/s", kBudgetPerSecond));
}

}  // namespace belay::bench
