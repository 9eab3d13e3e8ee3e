// Runs programs one after another on brokers that they share, and searches for one on which library and
// model disagree.
//
// Release functions run when they can, and nobody waits for them after each program: what a program is due
// is settled some programs later. In careful runs it is settled at once, and after every operation all that
// may be released is waited for: a hundred times slower, and what goes wrong does so at once, and again
// the next time. That is how programs are shrunk.
//
// Thread safety: a Bench is its thread's.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "tests/model/programs/dues.h"
#include "tests/model/programs/op.h"
#include "tests/model/programs/runner.h"

namespace belay::programs {

enum class Care : std::uint8_t { kFast, kCareful };

class Bench {
 public:
  // How many programs later, at the latest, it is settled what one is due.
  static constexpr std::size_t kUnsettled = 64;

  Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench();

  // The first difference: in this program or, if it is run fast, what was due to one of those before it.
  // After one, the bench is good for nothing but its end.
  std::optional<Divergence> Run(const Program& program, Care care);
  // Waits for what is due to all programs.
  std::optional<Divergence> Settle();

  std::uint64_t operations() const { return operations_; }
  std::uint64_t successes() const { return successes_; }

 private:
  std::optional<Divergence> SettleOldest();

  Alarm alarm_;
  belay_handle broker_ = 0;
  std::deque<std::unique_ptr<Dues>> unsettled_;
  std::vector<std::unique_ptr<Runner>> abandoned_;
  std::uint64_t operations_ = 0;
  std::uint64_t successes_ = 0;
};

// One careful run on a bench of its own.
std::optional<Divergence> RunAlone(const Program& program);

struct Search {
  std::uint64_t first_seed = 0;
  std::uint64_t operations = 0;  // how many at least
  std::size_t length = 128;      // of each program
  // Told after each program how many operations there have been; false ends the search.
  std::function<bool(std::uint64_t)> go_on = [](std::uint64_t) { return true; };
};

struct Found {
  std::uint64_t seed;
  Program program;  // shrunk, if it fails alone
  Divergence divergence;
  bool alone;  // it fails by itself each time; else only in company, or by chance
};

struct Outcome {
  std::uint64_t programs = 0;
  std::uint64_t operations = 0;
  std::uint64_t successes = 0;
  std::optional<Found> found;
};

// Runs the programs of seeds first_seed, first_seed + 1, ... and shrinks the first that fails.
Outcome RunAll(const Search& search);

// For a test's output: what was found, as source for corpus.cc.
std::string Tell(const Found& found);

}  // namespace belay::programs
