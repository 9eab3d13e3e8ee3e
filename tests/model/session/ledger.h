// Ledger: the truth about every call of a simulation, against which what clients are told is held.
//
// Invariants of the system that it checks (W4, W9)
//   - No call runs twice, but one that its caller has declared idempotent; none runs after its caller was told
//     that it was not sent.
//   - No caller is told two outcomes; a good one only of a call that ran.
//   - In the end every caller that is still alive has been told one.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "belay/v1/status.pb.h"

namespace belay::model {

class Ledger {
 public:
  enum class Runs { kOnce, kRepeatable };
  // A call that a client makes; its number goes along as the payload.
  std::uint64_t Begin(Runs runs) {
    calls_[++last_].may_run = runs;
    return last_;
  }
  // Its host has begun to run it.
  void Ran(std::uint64_t call) {
    Entry& entry = calls_[call];
    if (++entry.runs > 1 && entry.may_run == Runs::kOnce) Complain(call, "ran twice");
    if (entry.is_told_not_sent) Complain(call, "ran although its caller was told not_sent");
  }
  void Told(std::uint64_t call, const v1::Status& status) {
    Entry& entry = calls_[call];
    if (entry.is_settled) Complain(call, "has a second outcome");
    entry.is_settled = true;
    if (status.code() == 0 && entry.runs == 0) Complain(call, "succeeded without having run");
    if (status.code() != 0 && status.certainty() == v1::CERTAINTY_UNSPECIFIED)
      Complain(call, "failed without a certainty");
    entry.is_told_not_sent = status.certainty() == v1::CERTAINTY_NOT_SENT;
    if (entry.is_told_not_sent && entry.runs != 0) Complain(call, "is told not_sent, but ran");
  }
  // Its caller's process is dead, or never wanted to hear of it: there is nobody to tell.
  void NobodyToTell(std::uint64_t call) { calls_[call].is_settled = true; }

  void CheckAllSettled() {
    for (const auto& [call, entry] : calls_) {
      if (!entry.is_settled) Complain(call, "has no outcome");
    }
  }
  // What clients have exported, and tell each other of beside the broker. The last few.
  void AddToken(const std::string& token) {
    if (tokens_.size() == kTokens) tokens_.erase(tokens_.begin());
    tokens_.push_back(token);
  }
  const std::vector<std::string>& tokens() const { return tokens_; }
  void Complain(const std::string& what) { complaints_.push_back(what); }
  const std::vector<std::string>& complaints() const { return complaints_; }
  std::uint64_t calls() const { return last_; }

 private:
  static constexpr std::size_t kTokens = 4;

  struct Entry {
    Runs may_run = Runs::kOnce;
    int runs = 0;
    bool is_settled = false;
    bool is_told_not_sent = false;
  };
  void Complain(std::uint64_t call, const std::string& what) {
    complaints_.push_back("call " + std::to_string(call) + " " + what);
  }

  std::map<std::uint64_t, Entry> calls_;
  std::uint64_t last_ = 0;
  std::vector<std::string> tokens_;
  std::vector<std::string> complaints_;
};

}  // namespace belay::model
