// CallLedger: what each of many numbered calls ended with, and whether that is true: by the journal of the
// host that ran them (run_journal.h).
//
// What is true (W4, R18)
//   - A call that has begun ends, once.
//   - One that ended well has run, once. So has one that ended with `started`.
//   - One that ended with `not_sent` has not run, and never will.
//   - One that ended with `sent_unknown` may have run, once.
//   - No call fails without saying which of these it is.
//
// Thread safety: Begin() and End() from any thread; the rest too, and Check() when no call is in flight.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "belay/client/status.h"
#include "tests/integration/run_journal.h"

namespace belay::testing {

// Of the calls that ended alike.
struct LedgerLine {
  std::uint64_t calls = 0;
  std::uint64_t never_run = 0;
  std::uint64_t run_once = 0;
  std::uint64_t run_more = 0;
};

struct LedgerReport {
  std::map<std::string, LedgerLine> lines;  // by "OK" or "REASON, certainty"
  std::vector<std::string> untrue;          // each call of which something is not, by its number
};

// The lines as a table for people.
std::string ToTable(const std::map<std::string, LedgerLine>& lines);

class CallLedger {
 public:
  explicit CallLedger(std::size_t most_calls) : entries_(most_calls) {}

  // The number of a call that is about to be made; none if that would be one too many.
  std::optional<std::uint64_t> Begin();
  void End(std::uint64_t call, const client::Result<std::string>& result);

  std::uint64_t begun() const { return begun_.load(); }
  std::uint64_t in_flight() const { return in_flight_.load(); }
  std::uint64_t succeeded() const { return succeeded_.load(); }
  // The call with the greatest number that ended well; 0 if none has.
  std::uint64_t last_success() const { return last_success_.load(); }

  LedgerReport Check(const RunJournal& journal) const;

 private:
  struct Entry {
    std::atomic<std::uint8_t> ends{0};
    std::uint8_t how = 0;  // index into endings_; of the first end
  };
  struct Ending {
    std::string text;
    client::Certainty certainty;
    bool is_success;
  };

  std::uint8_t IndexOf(const client::Result<std::string>& result);
  // What of a call that ended so is not true, if it ran so often; empty if all is.
  static std::string Untrue(const Ending& ending, unsigned runs);

  std::vector<Entry> entries_;
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> succeeded_{0};
  std::atomic<std::uint64_t> last_success_{0};
  mutable std::mutex mutex_;
  std::vector<Ending> endings_;
};

}  // namespace belay::testing
