// The demonstration: a caller makes 50,000 calls a second, its host and its broker are killed (SIGKILL) by turns,
// and each call is accounted for: what it ended with is compared with what the host ran (call_ledger.h).
//
// Of every thousand calls one fails in the host, one is dropped there and one never answered, so that each
// certainty has calls. The rate is what was asked for; what was reached is printed, and no expectation.
//
// BELAY_SOAK_SECONDS says how long, in rounds of kRound with processes of their own; one round if not.
// BELAY_TEST_SEED makes the kills' distances again. Argument: the path of belayd. As "host TARGET JOURNAL" it is
// the host that is killed.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "belay/client/client.h"
#include "tests/integration/call_ledger.h"
#include "tests/integration/client_fixture.h"

namespace belay::client {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::CallLedger;
using testing::LedgerLine;
using testing::LedgerReport;
using testing::RunJournal;

constexpr auto kRound = 10s;
constexpr int kCallsPerTick = 500;  // at once, so that a kill meets some
constexpr auto kTick = 10ms;
constexpr std::uint64_t kMostInFlight = 8'192;
constexpr std::size_t kMostCalls = 4'000'000;  // of one round
constexpr std::uint32_t kTimeoutMs = 2'000;
constexpr std::uint32_t kUnansweredMs = 200;
constexpr std::size_t kPayloadBytes = 64;
constexpr const char* kName = "it/counted";

std::string own_path;

// What the host does with a call, and the caller expects of it.
enum class Fate { kAnswered, kFailed, kDropped, kNeverAnswered };

Fate FateOf(std::uint64_t call) {
  switch (call % 1'000) {
    case 1: return Fate::kFailed;
    case 2: return Fate::kDropped;
    case 3: return Fate::kNeverAnswered;
    default: return Fate::kAnswered;
  }
}

std::string PayloadOf(std::uint64_t call) {
  std::string payload = std::to_string(call);
  payload.resize(kPayloadBytes, ' ');
  return payload;
}

// Makes calls at the rate asked for, as long as there are not too many in flight, from the first SetCallback() to
// Stop().
class Load {
 public:
  Load(Client& caller, CallLedger& ledger) : caller_(caller), ledger_(ledger) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Load() { Stop(); }

  void SetCallback(std::uint64_t handle) { callback_ = handle; }
  void Stop() {
    is_over_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  void Run() {
    for (auto tick = Clock::now(); !is_over_; std::this_thread::sleep_until(tick += kTick)) {
      if (callback_ == 0) continue;
      for (int i = 0; i < kCallsPerTick && ledger_.in_flight() < kMostInFlight; ++i) Call();
    }
  }
  void Call() {
    const std::optional<std::uint64_t> call = ledger_.Begin();
    if (!call) return;
    const bool is_answered = FateOf(*call) != Fate::kNeverAnswered;
    caller_.InvokeAsync(callback_, PayloadOf(*call),
                        {.timeout_ms = is_answered ? kTimeoutMs : kUnansweredMs},
                        [this, call = *call](const Result<std::string>& result) {
                          EXPECT_TRUE(!result.ok() || *result == PayloadOf(call)) << call;
                          ledger_.End(call, result);
                        });
  }

  Client& caller_;
  CallLedger& ledger_;
  std::atomic<std::uint64_t> callback_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

// What all rounds have come to.
struct Account {
  std::map<std::string, LedgerLine> lines;
  std::uint64_t calls = 0;
  int host_kills = 0;
  int broker_kills = 0;
  Clock::duration took{};

  void Add(const LedgerReport& report) {
    for (const auto& [ending, line] : report.lines) {
      LedgerLine& sum = lines[ending];
      sum.calls += line.calls;
      sum.never_run += line.never_run;
      sum.run_once += line.run_once;
      sum.run_more += line.run_more;
      calls += line.calls;
    }
  }
  void Tell() const {
    const double seconds = std::chrono::duration<double>(took).count();
    std::cout << "\n"
              << ToTable(lines) << calls << " calls in " << seconds << " s, "
              << static_cast<std::uint64_t>(static_cast<double>(calls) / seconds)
              << " a second, of " << kCallsPerTick * (1s / kTick)
              << " asked for; the host was killed " << host_kills << " times, the broker "
              << broker_kills << " times" << std::endl;
  }
};

class Kills : public ::testing::Test {
 protected:
  // Looks the callback up until calls of it succeed that were made after this one.
  bool CallsSucceedAgain(Client& caller, Load& load, const CallLedger& ledger, Handle& callback) {
    const std::uint64_t before = ledger.begun();
    return Eventually([&] {
      if (ledger.last_success() > before) return true;
      Result<Handle> found = caller.Resolve(kName);
      if (found.ok()) {
        callback = *std::move(found);
        load.SetCallback(callback.id());
      }
      return false;
    });
  }

  void RunRound(std::mt19937_64& random, Account& account) {
    testing::Belayd belayd(BelaydPath());
    const std::string path = belayd.folder() + "/journal";
    RunJournal journal(path, kMostCalls);
    CallLedger ledger(kMostCalls);
    const std::vector<std::string> host_command = {own_path, "host", belayd.target(), path};
    auto host = std::make_unique<testing::Child>(host_command);
    Result<Client> caller = Client::Connect(belayd.target(), {.client_name = "caller"});
    ASSERT_TRUE(caller.ok()) << caller.status().ToString();
    const auto begun = Clock::now();
    {
      Handle callback;
      Load load(*caller, ledger);
      ASSERT_TRUE(CallsSucceedAgain(*caller, load, ledger, callback));
      for (bool is_hosts_turn = true; Clock::now() < begun + kRound || account.broker_kills == 0;
           is_hosts_turn = !is_hosts_turn) {
        const std::uint64_t until =
            ledger.succeeded() + std::uniform_int_distribution<std::uint64_t>(1, 30'000)(random);
        ASSERT_TRUE(Eventually([&] { return ledger.succeeded() >= until; }));
        if (is_hosts_turn) {
          host = nullptr;
          host = std::make_unique<testing::Child>(host_command);
          ++account.host_kills;
        } else {
          belayd.End(SIGKILL);
          belayd.Start();
          ++account.broker_kills;
        }
        ASSERT_TRUE(CallsSucceedAgain(*caller, load, ledger, callback)) << "after a kill";
      }
      load.Stop();
      ASSERT_TRUE(Eventually([&] { return ledger.in_flight() == 0; }))
          << ledger.in_flight() << " calls never end";
      account.took += Clock::now() - begun;
      // What the host gets, it gets in order: after this one, nothing that was called before is to come.
      (void)caller->Invoke(callback.id(), PayloadOf(kMostCalls));
    }
    const LedgerReport report = ledger.Check(journal);
    account.Add(report);
    constexpr std::size_t kShown = 20;
    for (std::size_t i = 0; i < std::min(kShown, report.untrue.size()); ++i)
      ADD_FAILURE() << report.untrue[i];
    EXPECT_TRUE(report.untrue.empty()) << report.untrue.size() << " in all";
  }
};

std::optional<std::uint64_t> NumberFrom(const char* variable) {
  const char* const given = std::getenv(variable);
  if (given == nullptr) return std::nullopt;
  return std::stoull(given);
}

TEST_F(Kills, W4_R18_EachCallEndsOnceWithWhatBecameOfIt) {
  const std::uint64_t seed = NumberFrom("BELAY_TEST_SEED").value_or(std::random_device()());
  std::cout << "seed: " << seed << " (again with BELAY_TEST_SEED)" << std::endl;
  std::mt19937_64 random(seed);
  const auto end =
      Clock::now() + std::chrono::seconds(NumberFrom("BELAY_SOAK_SECONDS").value_or(0));
  Account account;
  do {
    RunRound(random, account);
    account.Tell();
  } while (Clock::now() < end && !HasFailure());
  EXPECT_GT(account.lines["OK"].calls, 0U);
  EXPECT_GT(account.lines["CONNECTION_FAILED, sent_unknown"].calls +
                account.lines["HOST_LOST, sent_unknown"].calls,
            0U)
      << "no kill met a call";
}

// Runs calls as their numbers say, and notes each in the journal first. Until killed.
int Host(const std::string& target, const std::string& path) {
  RunJournal journal(path, kMostCalls);
  std::optional<Client> client;
  const bool is_connected = Eventually([&] {
    Result<Client> connected = Client::Connect(target, {.client_name = "host"});
    if (connected.ok()) client = *std::move(connected);
    return connected.ok();
  });
  if (!is_connected) return 1;
  std::vector<Responder> never_answered;  // the client's thread only
  const Handler run = [&](Request request, Responder responder) {
    const std::uint64_t call = std::stoull(request.payload);
    if (call < kMostCalls) journal.NoteRun(call);
    switch (FateOf(call)) {
      case Fate::kAnswered: return responder.Reply(std::move(request.payload));
      case Fate::kFailed: return responder.Fail(Status(Code::kInternal, "it fails"));
      case Fate::kDropped: return;
      case Fate::kNeverAnswered: never_answered.push_back(std::move(responder));
    }
  };
  // The name is its predecessor's until the broker has seen that one die.
  Handle callback;
  const bool is_registered = Eventually([&] {
    Result<Handle> registered = client->Register(run, {.label = "counted", .name = kName});
    if (registered.ok()) callback = *std::move(registered);
    return registered.ok();
  });
  if (!is_registered) return 1;
  (void)getchar();  // until killed, or whoever started it has gone
  client->Close();
  return 0;
}

}  // namespace
}  // namespace belay::client

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "host") return belay::client::Host(argv[2], argv[3]);
  ::testing::InitGoogleTest(&argc, argv);
  if (argc != 2) return 2;
  belay::client::own_path = argv[0];
  belay::client::BelaydPath() = argv[1];
  return RUN_ALL_TESTS();
}
