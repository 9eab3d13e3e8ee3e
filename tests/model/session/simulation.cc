#include "tests/model/session/simulation.h"

#include <algorithm>
#include <utility>

#include "broker/daemon/session.h"
#include "broker/engine/broker.h"
#include "broker/registry/registry.h"

namespace belay::model {

using registry::Registry;

namespace {

constexpr std::int64_t kPatienceNs = 10'000'000'000;
constexpr std::uint32_t kCallTimeoutMs = 2'000;
// Longer than any call lasts.
constexpr std::int64_t kHealMs = 4'000;
// Shorter than any lease.
constexpr std::int64_t kHealStepMs = 500;
// Longer than any grace.
constexpr std::int64_t kGraceIsOverMs = 3'000;

void Ignore(void*) {}
void NeverStarted(void*, std::unique_ptr<registry::AsyncCall>) {}

}  // namespace

// Begins at the machine's time: the registry looks at that itself.
Simulation::Simulation(std::uint64_t seed)
    : random_(seed), clock_(base::Clock::System().MonotonicNs()) {
  StartBroker();
  for (int i = 0; i < kClients; ++i) DieAndComeBack(i);
}

Simulation::~Simulation() { StopBroker(); }

void Simulation::StartBroker() {
  engine::BrokerOptions options;
  options.random_seed = 1;
  options.clock = &clock_;
  daemon::HubOptions hub_options;
  hub_options.broker = *engine::Broker::Open(options);
  hub_options.clock = &clock_;
  hub_options.limits.default_call_timeout_ms = kCallTimeoutMs;
  hub_options.epoch = ++epoch_;
  hub_options.store_threads = hub_options.hook_threads = 1;
  hub_ = std::make_unique<daemon::Hub>(std::move(hub_options));
  hub_->inbox.Adopt();
  owner_ = *hub_->broker().registry().OpenOwner("simulation");
}

// What it still says on its way out is not heard by anybody.
void Simulation::StopBroker() {
  hub_->EndSessions();
  for (const auto& client : clients_) {
    if (client->connection() == nullptr) continue;
    client->connection()->Cut();
    client->connection()->BrokerNotices();
  }
  for (const auto& ghost : ghosts_) ghost->BrokerNotices();
  ghosts_.clear();
  hub_->StopWorkers();
  if (!hub_->broker().Close(kPatienceNs).ok()) ledger_.Complain("the broker does not close");
  hub_->inbox.Drain();
  hub_.reset();
}

void Simulation::DieAndComeBack(int number) {
  auto& client = clients_[static_cast<std::size_t>(number)];
  if (client != nullptr) {
    client->Die();
    resumed_ += client->resumed();
    if (auto connection = client->TakeConnection()) ghosts_.push_back(std::move(connection));
  }
  client = std::make_unique<SimulatedClient>(number, ++incarnations_, random_, ledger_);
}

std::vector<std::string> Simulation::Run(int steps) {
  for (int i = 0; i < steps && ledger_.complaints().empty(); ++i) Step();
  if (ledger_.complaints().empty()) Heal();
  if (ledger_.complaints().empty()) CompareViews();
  if (ledger_.complaints().empty()) LetGoOfEverything();
  ledger_.CheckAllSettled();
  for (const auto& client : clients_) resumed_ += client->resumed();
  return ledger_.complaints();
}

void Simulation::Step() {
  const int number = static_cast<int>(random_.Below(kClients));
  SimulatedClient& client = *clients_[static_cast<std::size_t>(number)];
  const std::uint64_t chance = random_.Below(1'000);
  if (chance < 300) return client.Act();
  if (chance < 960) return Move(number);
  if (chance < 985) return Advance(static_cast<std::int64_t>(random_.Below(300)));
  if (chance < 988) return Advance(static_cast<std::int64_t>(random_.Below(3'000)));
  if (chance < 996) return DieAndComeBack(number);
  if (chance < 998) {
    StopBroker();
    StartBroker();
  }
}

void Simulation::Move(int number) {
  SimulatedClient& client = *clients_[static_cast<std::size_t>(number)];
  if (!ghosts_.empty() && random_.OneIn(8)) {
    const auto ghost = ghosts_.begin() + static_cast<std::ptrdiff_t>(random_.Below(ghosts_.size()));
    if (!(*ghost)->BrokerReads() || random_.OneIn(3)) {
      (*ghost)->BrokerNotices();
      ghosts_.erase(ghost);
    }
    return Settle();
  }
  if (client.connection() == nullptr) return client.Connect(*hub_);
  Connection& connection = *client.connection();
  if (connection.is_over() || (connection.is_cut() && random_.OneIn(4)))
    return GiveUpConnection(client);
  // Frames mostly move several at a time.
  const auto goes_on = [this] { return !random_.OneIn(4); };
  switch (random_.Below(40)) {
    case 0: return connection.Cut();
    case 1:
      // Only the broker notices.
      if (connection.is_cut()) connection.BrokerNotices();
      return Settle();
    default: break;
  }
  switch (random_.Below(4)) {
    case 0:
      while (client.Writes() && goes_on()) {
      }
      return;
    case 1:
      while (connection.BrokerReads() && goes_on()) {
      }
      return Settle();
    case 2:
      while (connection.BrokerWrites() && goes_on()) {
      }
      return;
    default:
      while (client.Reads() && goes_on()) {
      }
  }
}

void Simulation::GiveUpConnection(SimulatedClient& client) {
  client.connection()->Cut();
  client.connection()->LoseWhatTheClientHasNotRead();
  ghosts_.push_back(client.TakeConnection());
  client.Notices();
}

void Simulation::Advance(std::int64_t delta_ms) {
  clock_.AdvanceNs(delta_ms * 1'000'000);
  hub_->deadlines.Advance(clock_.MonotonicNs());
  Settle();
}

// Waits until the reaper has done whatever it can: a callback that is registered, and drained, now is
// released after all that could be before it.
void Simulation::Settle() {
  registry::CallbackSpec spec;
  spec.target.start = &NeverStarted;
  spec.context = registry::OwnedContext(this, &Ignore);
  const auto handle = Registry::Register(owner_, std::move(spec));
  if (!handle.ok() || !Registry::Unregister(*handle, base::Code::kUnregistered).ok() ||
      !Registry::Drain(*handle, kPatienceNs).ok())
    return ledger_.Complain("the reaper does not come round");
  (void)Registry::Release(*handle);
  hub_->inbox.Drain();
  // What became due just now, such as the end of a session that holds too much.
  hub_->deadlines.Advance(clock_.MonotonicNs());
}

bool Simulation::PumpOnce() {
  bool moved = false;
  for (const auto& client : clients_) {
    if (client->connection() == nullptr) {
      client->Connect(*hub_);
      moved = true;
    }
    Connection& connection = *client->connection();
    while (client->Writes()) moved = true;
    bool has_read = false;
    while (connection.BrokerReads()) has_read = true;
    if (has_read) Settle();
    moved = moved || has_read;
    while (connection.BrokerWrites()) moved = true;
    while (client->Reads()) moved = true;
    client->Answer();
    if (connection.is_over() || connection.is_cut()) {
      GiveUpConnection(*client);
      moved = true;
    }
  }
  if (!ghosts_.empty()) {
    for (const auto& ghost : std::exchange(ghosts_, {})) ghost->BrokerNotices();
    Settle();
  }
  return moved;
}

void Simulation::Pump() {
  constexpr int kMany = 10'000;
  for (int i = 0; PumpOnce(); ++i) {
    if (i == kMany) return ledger_.Complain("it never comes to rest");
  }
}

void Simulation::Heal() {
  Pump();
  for (const auto& client : clients_) client->RevokeExports();
  Pump();
  const auto is_idle = [](const auto& client) { return client->is_idle(); };
  for (std::int64_t passed_ms = 0; passed_ms < kHealMs; passed_ms += kHealStepMs) {
    if (std::all_of(clients_.begin(), clients_.end(), is_idle)) return;
    Advance(kHealStepMs);
    for (const auto& client : clients_) client->Ping();
    Pump();
  }
  ledger_.Complain("something is never answered");
}

void Simulation::CompareViews() {
  const auto views = hub_->ViewSessions();
  for (const auto& client : clients_) {
    const auto view = std::find_if(views.begin(), views.end(), [&](const auto& each) {
      return each.session_id == client->session_id();
    });
    if (view == views.end()) {
      ledger_.Complain("a connected client has no session");
      continue;
    }
    const std::string which = "session " + std::to_string(view->session_id);
    if (view->handles != client->handles())
      ledger_.Complain(which + " has " + std::to_string(view->handles) + " handles, its client " +
                       std::to_string(client->handles()));
    if (view->callbacks != client->hosted())
      ledger_.Complain(which + " has " + std::to_string(view->callbacks) +
                       " callbacks, its client " + std::to_string(client->hosted()));
    if (view->calls_waiting + view->calls_running != 0)
      ledger_.Complain(which + " still has calls");
  }
}

void Simulation::LetGoOfEverything() {
  for (const auto& client : clients_) client->ReleaseEverything();
  Pump();
  for (const auto& client : clients_) {
    if (client->hosted() != 0) ledger_.Complain("a callback that nobody holds is not Released");
    client->Goodbye();
    (void)client->Writes();
    while (client->connection()->BrokerReads()) {
    }
  }
  Advance(kGraceIsOverMs);  // those of whom no client knows
  if (hub_->session_count() != 0) ledger_.Complain("a session is left");
  if (hub_->exports.size() != 0) ledger_.Complain("an export is left");
  if (hub_->deadlines.size() != 0) ledger_.Complain("a deadline is left");
}

}  // namespace belay::model
