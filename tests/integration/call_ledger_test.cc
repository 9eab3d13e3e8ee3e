// The account that the tests of killed processes rest on: what it calls untrue, and that it misses nothing.
#include "tests/integration/call_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace belay::testing {
namespace {

using client::Certainty;
using client::Code;
using client::Result;
using client::Status;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::size_t kMostCalls = 8;

Result<std::string> Failure(Certainty certainty) {
  return Status(Code::kHostLost, "the host is gone", {}, certainty);
}

class Ledger : public ::testing::Test {
 protected:
  Ledger() : path_(::testing::TempDir() + "/journal"), journal_(path_, kMostCalls) {}
  ~Ledger() override { std::filesystem::remove(path_); }

  // A call that ends so, having run so often.
  void Add(const Result<std::string>& result, int runs) {
    const auto call = ledger_.Begin();
    ASSERT_TRUE(call.has_value());
    for (int i = 0; i < runs; ++i) journal_.NoteRun(*call);
    ledger_.End(*call, result);
  }

  const std::string path_;
  RunJournal journal_;
  CallLedger ledger_{kMostCalls};
};

TEST_F(Ledger, W4_WhatMayBeIsTrue) {
  Add(std::string("answer"), 1);
  Add(Failure(Certainty::kNotSent), 0);
  Add(Failure(Certainty::kSentUnknown), 0);
  Add(Failure(Certainty::kSentUnknown), 1);
  Add(Failure(Certainty::kStarted), 1);
  EXPECT_THAT(ledger_.Check(journal_).untrue, IsEmpty());
  EXPECT_EQ(ledger_.in_flight(), 0U);
  EXPECT_EQ(ledger_.succeeded(), 1U);
}

TEST_F(Ledger, W4_WhatMayNotBeIsNamed) {
  Add(std::string("answer"), 0);
  Add(std::string("answer"), 2);
  Add(Failure(Certainty::kNotSent), 1);
  Add(Failure(Certainty::kSentUnknown), 2);
  Add(Failure(Certainty::kStarted), 0);
  Add(Failure(Certainty::kUnspecified), 0);
  EXPECT_THAT(ledger_.Check(journal_).untrue,
              ElementsAre("call 0 (OK): it ran 0 times", "call 1 (OK): it ran 2 times",
                          "call 2 (HOST_LOST, not_sent): it ran 1 times",
                          "call 3 (HOST_LOST, sent_unknown): it ran 2 times",
                          "call 4 (HOST_LOST, started): it ran 0 times",
                          "call 5 (HOST_LOST, no certainty): it does not say how far it got"));
}

TEST_F(Ledger, R18_ACallThatEndsTwiceOrNeverIsNamed) {
  Add(std::string("answer"), 1);
  ledger_.End(0, Failure(Certainty::kSentUnknown));
  ASSERT_TRUE(ledger_.Begin().has_value());
  EXPECT_EQ(ledger_.in_flight(), 1U);
  EXPECT_THAT(ledger_.Check(journal_).untrue,
              ElementsAre("call 0 (OK): it ended 2 times", "call 1 (no end): it ended 0 times"));
}

TEST_F(Ledger, CountsByEnding) {
  Add(std::string("answer"), 1);
  Add(Failure(Certainty::kSentUnknown), 1);
  Add(Failure(Certainty::kSentUnknown), 0);
  EXPECT_EQ(ToTable(ledger_.Check(journal_).lines),
            "ended with                     calls    never run     run once     run more\n"
            "HOST_LOST, sent_unknown            2            1            1            0\n"
            "OK                                 1            0            1            0\n");
}

TEST_F(Ledger, HasNoNumberBeyondItsLast) {
  for (std::size_t i = 0; i < kMostCalls; ++i) Add(std::string("answer"), 1);
  EXPECT_EQ(ledger_.Begin(), std::nullopt);
  EXPECT_EQ(ledger_.last_success(), kMostCalls - 1);
}

TEST(RunJournal, OutlivesWhoWroteIt) {
  const std::string path = ::testing::TempDir() + "/outliving_journal";
  {
    RunJournal writer(path, kMostCalls);
    writer.NoteRun(3);
  }
  EXPECT_EQ(RunJournal(path, kMostCalls).Runs(3), 1U);
  EXPECT_EQ(RunJournal(path, kMostCalls).Runs(2), 0U);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace belay::testing
