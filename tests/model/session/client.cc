#include "tests/model/session/client.h"

#include <algorithm>
#include <set>
#include <utility>

namespace belay::model {
namespace {

constexpr std::size_t kMaxHandles = 12;
constexpr int kNames = 3;
constexpr int kUnavailable = 14;
constexpr int kStaleEpoch = 49;
constexpr std::size_t kDuplicates = 3;

v1::Hello HelloOf(int number, std::uint64_t incarnation) {
  v1::Hello hello;
  hello.set_client_name("simulated");
  hello.set_instance(std::to_string(number));
  hello.set_protocol_version(1);
  hello.set_incarnation(incarnation);
  // One in four does without: its session ends with its connection.
  if (number % 4 != 3) hello.set_grace_ms(2'000);
  if (number % 2 == 0) hello.set_lease_ms(1'000);
  return hello;
}

client::Operation NewOperation() { return std::make_unique<v1::ClientOperation>(); }

}  // namespace

SimulatedClient::SimulatedClient(int number, std::uint64_t incarnation, Random& random,
                                 Ledger& ledger)
    : name_("client " + std::to_string(number)),
      random_(random),
      ledger_(ledger),
      line_(HelloOf(number, incarnation)) {}

void SimulatedClient::Act() {
  if (handles_.empty()) return random_.OneIn(2) ? Register() : Resolve();
  switch (random_.Below(24)) {
    case 16:
    case 21: return Follow();
    case 17: return Watch();
    case 18: return Bind();
    case 19: return Export();
    case 20: return Import();
    case 0: return Register();
    case 1: return Resolve();
    case 2: return Retain();
    case 3:
      if (!handles_.empty()) Release(random_.Below(handles_.size()));
      return;
    case 4: return Cancel();
    case 5: return Ping();
    case 6:
    case 7:
    case 8: return Answer();
    default: return Call();
  }
}

client::Operation SimulatedClient::Ask(Kind kind, std::uint64_t handle, std::uint64_t* request_id) {
  *request_id = ++last_id_;
  requests_[*request_id] = {kind, handle};
  return NewOperation();
}

void SimulatedClient::Register() {
  if (handles_.size() >= kMaxHandles) return;
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kRegister, 0, &id);
  operation->mutable_register_()->set_request_id(id);
  if (random_.Below(2) == 0)
    operation->mutable_register_()->set_name("n" + std::to_string(random_.Below(kNames)));
  // Some names are one's own, the others are shared.
  if (random_.Below(2) == 0) {
    operation->mutable_register_()->set_policy(v1::NAME_POLICY_ROUND_ROBIN);
    operation->mutable_register_()->set_on_conflict(v1::ON_CONFLICT_JOIN);
  }
  line_.Add(std::move(operation));
}

void SimulatedClient::Follow() {
  if (handles_.size() >= kMaxHandles) return;
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kHandle, 0, &id);
  operation->mutable_resolve()->set_request_id(id);
  operation->mutable_resolve()->set_name("n" + std::to_string(random_.Below(kNames)));
  operation->mutable_resolve()->set_follow(true);
  line_.Add(std::move(operation));
}

// The watch is one more handle, through which calls are refused.
void SimulatedClient::Watch() {
  if (handles_.size() >= kMaxHandles) return;
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kHandle, 0, &id);
  operation->mutable_watch_name()->set_request_id(id);
  operation->mutable_watch_name()->set_name("n" + std::to_string(random_.Below(kNames)));
  line_.Add(std::move(operation));
}

void SimulatedClient::Bind() {
  if (handles_.size() >= kMaxHandles) return;
  std::uint64_t id = 0;
  const std::uint64_t handle = handles_[random_.Below(handles_.size())];
  auto operation = Ask(Kind::kHandle, handle, &id);
  v1::BindName& request = *operation->mutable_bind_name();
  request.set_request_id(id);
  request.set_handle(handle);
  request.set_name("n" + std::to_string(random_.Below(kNames)));
  request.set_on_conflict(random_.OneIn(2) ? v1::ON_CONFLICT_REPLACE : v1::ON_CONFLICT_FAIL);
  line_.Add(std::move(operation));
}

void SimulatedClient::Export() {
  std::uint64_t id = 0;
  const std::uint64_t handle = handles_[random_.Below(handles_.size())];
  auto operation = Ask(Kind::kExport, handle, &id);
  v1::Export& request = *operation->mutable_export_callback();
  request.set_request_id(id);
  request.set_handle(handle);
  request.set_ttl_ms(static_cast<std::uint32_t>(1 + random_.Below(2'000)));
  line_.Add(std::move(operation));
}

void SimulatedClient::Import() {
  if (handles_.size() >= kMaxHandles || ledger_.tokens().empty()) return;
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kHandle, 0, &id);
  operation->mutable_import_callback()->set_request_id(id);
  operation->mutable_import_callback()->set_token(
      ledger_.tokens()[random_.Below(ledger_.tokens().size())]);
  line_.Add(std::move(operation));
}

void SimulatedClient::RevokeExports() {
  for (const std::uint64_t handle : std::exchange(exports_, {})) {
    std::uint64_t id = 0;
    auto operation = Ask(Kind::kRevoke, handle, &id);
    operation->mutable_release()->set_request_id(id);
    operation->mutable_release()->set_handle(handle);
    line_.Add(std::move(operation));
  }
}

void SimulatedClient::Resolve() {
  if (handles_.size() >= kMaxHandles) return;
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kHandle, 0, &id);
  operation->mutable_resolve()->set_request_id(id);
  operation->mutable_resolve()->set_name("n" + std::to_string(random_.Below(kNames)));
  line_.Add(std::move(operation));
}

void SimulatedClient::Retain() {
  if (handles_.empty() || handles_.size() >= kMaxHandles) return;
  const std::uint64_t handle = handles_[random_.Below(handles_.size())];
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kHandle, handle, &id);
  operation->mutable_retain()->set_request_id(id);
  operation->mutable_retain()->set_handle(handle);
  line_.Add(std::move(operation));
}

void SimulatedClient::Release(std::size_t index) {
  const std::uint64_t handle = handles_[index];
  handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(index));
  std::uint64_t id = 0;
  auto operation = Ask(Kind::kRelease, handle, &id);
  operation->mutable_release()->set_request_id(id);
  operation->mutable_release()->set_handle(handle);
  line_.Add(std::move(operation));
}

void SimulatedClient::ReleaseEverything() {
  while (!handles_.empty()) Release(handles_.size() - 1);
}

void SimulatedClient::Call() {
  if (handles_.empty()) return;
  const std::uint64_t id = ++last_id_;
  const bool is_repeatable = random_.OneIn(3);
  const bool is_post = random_.OneIn(8);
  const std::uint64_t call =
      ledger_.Begin(is_repeatable ? Ledger::Runs::kRepeatable : Ledger::Runs::kOnce);
  if (is_post) {
    ledger_.NobodyToTell(call);
  } else {
    calls_[id] = call;
  }
  auto operation = NewOperation();
  v1::Call& wire = *operation->mutable_call();
  wire.set_call_id(id);
  wire.set_handle(handles_[random_.Below(handles_.size())]);
  wire.set_payload(std::to_string(call));
  wire.set_no_reply(is_post);
  wire.set_idempotent(is_repeatable);
  wire.set_max_attempts(static_cast<std::uint32_t>(random_.Below(4)));
  if (random_.OneIn(3)) wire.set_timeout_ms(static_cast<std::uint32_t>(1 + random_.Below(500)));
  line_.Add(std::move(operation));
}

void SimulatedClient::Cancel() {
  if (calls_.empty()) return;
  auto operation = NewOperation();
  operation->mutable_cancel()->set_call_id(calls_.begin()->first);
  operation->mutable_cancel()->set_mode(static_cast<v1::CancelMode>(random_.Below(3)));
  line_.Add(std::move(operation));
}

void SimulatedClient::Ping() {
  auto operation = NewOperation();
  operation->mutable_ping()->set_nonce(++last_id_);
  line_.Add(std::move(operation));
}

void SimulatedClient::Goodbye() {
  auto operation = NewOperation();
  operation->mutable_goodbye();
  line_.Add(std::move(operation));
}

void SimulatedClient::Answer() {
  if (runs_.empty()) return;
  const Run run = runs_.front();
  runs_.erase(runs_.begin());
  --hosted_[run.handle];
  auto operation = NewOperation();
  operation->mutable_result()->set_call_id(run.call_id);
  operation->mutable_result()->set_payload(std::to_string(run.call));
  line_.Add(std::move(operation));
}

void SimulatedClient::Die() {
  if (connection_ != nullptr) connection_->Cut();
  for (const auto& [id, call] : calls_) ledger_.NobodyToTell(call);
}

void SimulatedClient::Connect(daemon::Hub& hub) {
  connection_ = std::make_unique<Connection>(hub);
  line_.Connect();
}

bool SimulatedClient::Writes() {
  const auto frame = line_.Take();
  if (frame == nullptr) return false;
  connection_->ClientWrites(*frame);
  if (frame->first_sequence() != 0) {
    written_.push_back(*frame);
    if (written_.size() > kDuplicates) written_.pop_front();
  }
  return true;
}

// What the network has kept of the last connection, and brings now.
void SimulatedClient::RepeatWhatArrived(std::uint64_t ack) {
  for (const v1::ClientFrame& frame : written_) {
    const auto count = static_cast<std::uint64_t>(frame.operations_size());
    if (frame.first_sequence() + count - 1 <= ack) connection_->ClientWrites(frame);
  }
}

bool SimulatedClient::Reads() {
  v1::ServerFrame frame;
  if (connection_ == nullptr || !connection_->ClientReads(&frame)) return false;
  int first_new = 0;
  if (const auto status = line_.OnFrame(frame, &first_new); !status.ok()) {
    ledger_.Complain(name_ + ": " + status.ToString());
    return false;
  }
  for (int i = first_new; i < frame.operations_size(); ++i) Apply(frame.operations(i));
  if (frame.operations_size() == 1 && frame.operations(0).welcome().resumed())
    RepeatWhatArrived(frame.ack());
  return true;
}

void SimulatedClient::Notices() {
  line_.Disconnect();
  if (said_goodbye_ || !line_.can_resume()) LoseSession();
}

// As the client library does: nothing of this session will be heard of again.
void SimulatedClient::LoseSession() {
  std::set<std::uint64_t> never_sent;
  for (const auto& operation : line_.TakeNeverSent())
    never_sent.insert(operation->call().call_id());
  for (const auto& [id, call] : std::exchange(calls_, {})) {
    v1::Status status;
    status.set_code(kUnavailable);
    status.set_certainty(never_sent.contains(id) ? v1::CERTAINTY_NOT_SENT
                                                 : v1::CERTAINTY_SENT_UNKNOWN);
    ledger_.Told(call, status);
  }
  said_goodbye_ = false;
  written_.clear();
  requests_.clear();
  handles_.clear();
  exports_.clear();
  versions_.clear();
  hosted_.clear();
  runs_.clear();
}

void SimulatedClient::Apply(const v1::ServerOperation& operation) {
  if (operation.has_welcome()) {
    session_id_ = operation.welcome().session_id();
    if (operation.welcome().resumed()) ++resumed_;
  } else if (operation.has_goodbye()) {
    said_goodbye_ = true;
    // That it has no such session any more, or is about to end. This client breaks no rule.
    const v1::Status& why = operation.goodbye().status();
    if (why.code() != kStaleEpoch && why.code() != kUnavailable)
      ledger_.Complain(name_ + ": Goodbye, " + why.message());
  } else if (operation.has_reply()) {
    OnReply(operation.reply());
  } else if (operation.has_call()) {
    OnCall(operation.call());
  } else if (operation.has_name_changed()) {
    OnNameChanged(operation.name_changed());
  } else if (operation.has_released()) {
    OnReleased(operation.released().handle());
  } else if (operation.has_result()) {
    const auto found = calls_.find(operation.result().call_id());
    if (found == calls_.end()) return ledger_.Complain(name_ + ": a second result of a call");
    const std::uint64_t call = found->second;
    calls_.erase(found);
    ledger_.Told(call, operation.result().status());
  }
}

void SimulatedClient::OnReply(const v1::Reply& reply) {
  const auto found = requests_.find(reply.request_id());
  if (found == requests_.end()) return ledger_.Complain(name_ + ": a second reply to a request");
  const Request request = found->second;
  requests_.erase(found);
  if (request.kind == Kind::kRelease) {
    if (reply.status().code() != 0)
      ledger_.Complain(name_ + ": a release was refused: " + reply.status().message());
    return;
  }
  // The name is taken, or nobody has it; the export, or the token, is over.
  if (reply.status().code() != 0 || request.kind == Kind::kRevoke) return;
  if (request.kind == Kind::kExport) {
    exports_.push_back(reply.handle());
    ledger_.AddToken(reply.token());
    return;
  }
  handles_.push_back(reply.handle());
  if (request.kind == Kind::kRegister) hosted_.emplace(reply.handle(), 0);
}

void SimulatedClient::OnCall(const v1::Call& call) {
  const auto hosted = hosted_.find(call.handle());
  if (hosted == hosted_.end())
    return ledger_.Complain(name_ + ": a call of what is not hosted, or was released");
  ++hosted->second;
  ledger_.Ran(std::stoull(call.payload()));
  runs_.push_back({call.call_id(), call.handle(), std::stoull(call.payload())});
}

// Before the watch's own handle is known to the program, or after it was let go, all that may come is late.
void SimulatedClient::OnNameChanged(const v1::NameChanged& change) {
  std::uint64_t& version = versions_[change.handle()];
  if (change.version() != 0 && change.version() < version)
    ledger_.Complain(name_ + ": a name's version went back");
  if (change.version() != 0) version = change.version();
  if ((change.version() == 0) != (change.members() == 0))
    ledger_.Complain(name_ + ": a free name with members, or a bound one without");
}

void SimulatedClient::OnReleased(std::uint64_t handle) {
  const auto hosted = hosted_.find(handle);
  if (hosted == hosted_.end()) return ledger_.Complain(name_ + ": Released twice");
  if (hosted->second != 0) ledger_.Complain(name_ + ": Released while it runs");
  hosted_.erase(hosted);
}

}  // namespace belay::model
