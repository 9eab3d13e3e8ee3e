#include "tests/integration/call_ledger.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace belay::testing {

using client::Certainty;
using client::Result;

std::optional<std::uint64_t> CallLedger::Begin() {
  std::uint64_t call = begun_.load();
  do {
    if (call == entries_.size()) return std::nullopt;
  } while (!begun_.compare_exchange_weak(call, call + 1));
  in_flight_.fetch_add(1);
  return call;
}

void CallLedger::End(std::uint64_t call, const Result<std::string>& result) {
  const std::uint8_t how = IndexOf(result);
  Entry& entry = entries_.at(call);
  if (entry.ends.fetch_add(1) != 0) return;  // once too often: Check() says so
  entry.how = how;
  if (result.ok()) {
    succeeded_.fetch_add(1);
    std::uint64_t last = last_success_.load();
    while (last < call && !last_success_.compare_exchange_weak(last, call)) {
    }
  }
  in_flight_.fetch_sub(1);  // last: who sees none in flight sees how all ended
}

std::uint8_t CallLedger::IndexOf(const Result<std::string>& result) {
  const client::Status& status = result.status();
  std::string text = "OK";
  if (!result.ok()) {
    const std::string_view certainty = CertaintyName(status.certainty);
    text = std::string(status.Reason()) + ", ";
    text += certainty.empty() ? "no certainty" : certainty;
  }
  const std::scoped_lock lock(mutex_);
  auto found = std::ranges::find(endings_, text, &Ending::text);
  if (found == endings_.end())
    found = endings_.insert(found, {std::move(text), status.certainty, result.ok()});
  return static_cast<std::uint8_t>(found - endings_.begin());
}

std::string CallLedger::Untrue(const Ending& ending, unsigned runs) {
  const std::string how_often = "it ran " + std::to_string(runs) + " times";
  if (runs > 1) return how_often;
  if (ending.is_success) return runs == 1 ? "" : how_often;
  switch (ending.certainty) {
    case Certainty::kNotSent: return runs == 0 ? "" : how_often;
    case Certainty::kSentUnknown: return "";
    case Certainty::kStarted: return runs == 1 ? "" : how_often;
    case Certainty::kUnspecified: return "it does not say how far it got";
  }
  return "its certainty is none that there is";
}

LedgerReport CallLedger::Check(const RunJournal& journal) const {
  LedgerReport report;
  const std::scoped_lock lock(mutex_);
  for (std::uint64_t call = 0; call < begun(); ++call) {
    const unsigned ends = entries_[call].ends.load();
    const unsigned runs = journal.Runs(call);
    const Ending ending =
        ends == 0 ? Ending{"no end", Certainty::kSentUnknown, false} : endings_[entries_[call].how];
    LedgerLine& line = report.lines[ending.text];
    ++line.calls;
    ++(runs == 0 ? line.never_run : runs == 1 ? line.run_once : line.run_more);
    std::string untrue = Untrue(ending, runs);
    if (ends != 1) untrue = "it ended " + std::to_string(ends) + " times";
    if (!untrue.empty())
      report.untrue.push_back("call " + std::to_string(call) + " (" + ending.text + "): " + untrue);
  }
  return report;
}

std::string ToTable(const std::map<std::string, LedgerLine>& lines) {
  constexpr std::size_t kCellWidth = 13;
  constexpr std::string_view kHead = "ended with";
  std::size_t width = kHead.size();
  for (const auto& [text, line] : lines) width = std::max(width, text.size());
  std::string table;
  const auto add = [&](std::string_view text, const std::array<std::string, 4>& cells) {
    table.append(text).append(width - text.size(), ' ');
    for (const std::string& cell : cells)
      table.append(std::max(kCellWidth, cell.size() + 1) - cell.size(), ' ').append(cell);
    table += '\n';
  };
  add(kHead, {"calls", "never run", "run once", "run more"});
  for (const auto& [text, line] : lines) {
    add(text, {std::to_string(line.calls), std::to_string(line.never_run),
               std::to_string(line.run_once), std::to_string(line.run_more)});
  }
  return table;
}

}  // namespace belay::testing
