// Simulation: the broker's own sessions and a few clients, on one thread, with a network and a clock of the
// simulation's. A seed decides what happens next, and so makes the same history each time: frames arrive late or
// never, connections break, frames come twice, clients and the broker die at any step.
//
// At its end everything heals, and then must agree: each call has its outcome, each request its reply, each
// session the handles and callbacks that its client believes in; and when everybody has let go of everything,
// nothing is left.
//
// What is real: Hub, Session, Outbox, the registry with its reaper, for which each step waits; and the client's
// Line. What is not: gRPC, threads, time.
//
// Thread safety: none.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/clock.h"
#include "broker/daemon/hub.h"
#include "tests/model/random.h"
#include "tests/model/session/client.h"
#include "tests/model/session/ledger.h"

namespace belay::model {

class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();

  // The whole of it; what went wrong, empty if nothing.
  std::vector<std::string> Run(int steps);

  // For a test that all of this happens at all.
  std::uint64_t calls() const { return ledger_.calls(); }
  std::uint64_t resumed() const { return resumed_; }

 private:
  static constexpr int kClients = 4;

  void StartBroker();
  void StopBroker();
  void Step();
  void Move(int client);  // something about its connection
  void DieAndComeBack(int client);
  void GiveUpConnection(SimulatedClient& client);
  void Advance(std::int64_t delta_ms);
  void Settle();
  bool PumpOnce();
  void Pump();
  void Heal();
  void CompareViews();
  void LetGoOfEverything();

  Random random_;
  Ledger ledger_;
  base::VirtualClock clock_;
  std::unique_ptr<daemon::Hub> hub_;
  registry::Handle owner_ = 0;  // of what Settle() registers
  std::uint64_t epoch_ = 0;
  std::uint64_t incarnations_ = 0;
  std::uint64_t resumed_ = 0;
  std::array<std::unique_ptr<SimulatedClient>, kClients> clients_;
  std::vector<std::unique_ptr<Connection>> ghosts_;  // given up; the broker has not noticed
};

}  // namespace belay::model
