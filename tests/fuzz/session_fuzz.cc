// Any operations of any clients into the broker's sessions. Each byte of the input is a choice: who does what, and
// what the fields of its message are, which reflection finds, so that a new operation is fuzzed without a
// word here.
//
// What must hold, whatever comes: a session's operations are numbered without gaps, also over lost connections; a
// call has one result, a callback one Released; no handle is given out twice; and when all are gone nothing is
// left: no session, no deadline, no export.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "belay/v1/session.pb.h"
#include "broker/base/clock.h"
#include "broker/daemon/hub.h"
#include "broker/daemon/session.h"
#include "google/protobuf/message.h"
#include "tests/fuzz/input.h"

namespace {

using belay::base::VirtualClock;
using belay::daemon::Hub;
using belay::daemon::Session;
using belay::fuzz::Input;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::int64_t kPatienceNs = 10'000'000'000;
constexpr std::size_t kClients = 3;
constexpr int kMostDepth = 4;

[[noreturn]] void Violated(const std::string& what) {
  std::fprintf(stderr, "VIOLATED: %s\n", what.c_str());
  std::abort();
}

// --- Messages ---

std::string SomeText(Input& in) {
  switch (in.Below(4)) {
    case 0: return {};
    case 1: return "n";
    case 2: return "m";
    default: return in.Bytes();
  }
}

// Mostly numbers that mean something.
std::uint64_t SomeNumber(Input& in) { return in.OneIn(16) ? in.Word() : in.Below(12); }

void Fill(Input& in, Message& message, int depth);

void FillField(Input& in, Message& message, const FieldDescriptor& field, int depth) {
  const Reflection& reflection = *message.GetReflection();
  if (field.is_repeated()) {
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth < kMostDepth) {
      for (std::size_t i = in.Below(3); i > 0; --i)
        Fill(in, *reflection.AddMessage(&message, &field), depth + 1);
    }
    return;
  }
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (depth < kMostDepth) Fill(in, *reflection.MutableMessage(&message, &field), depth + 1);
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.SetString(&message, &field, SomeText(in));
    case FieldDescriptor::CPPTYPE_BOOL: return reflection.SetBool(&message, &field, in.OneIn(2));
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(&message, &field, static_cast<int>(in.Below(8)));
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.SetUInt32(&message, &field, static_cast<std::uint32_t>(SomeNumber(in)));
    case FieldDescriptor::CPPTYPE_UINT64:
      return reflection.SetUInt64(&message, &field, SomeNumber(in));
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, static_cast<std::int32_t>(SomeNumber(in)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, static_cast<std::int64_t>(SomeNumber(in)));
    default: return;
  }
}

// One alternative of a oneof, and all other fields.
void Fill(Input& in, Message& message, int depth) {
  const auto& type = *message.GetDescriptor();
  for (int i = 0; i < type.real_oneof_decl_count(); ++i) {
    const auto& oneof = *type.oneof_decl(i);
    const auto choice = in.Below(static_cast<std::size_t>(oneof.field_count()));
    FillField(in, message, *oneof.field(static_cast<int>(choice)), depth);
  }
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->real_containing_oneof() == nullptr)
      FillField(in, message, *type.field(i), depth);
  }
}

// --- Clients ---

class FuzzedClient final : public Session::Peer {
 public:
  explicit FuzzedClient(Hub& hub) : hub_(hub) {}
  ~FuzzedClient() override { Leave(); }

  void WantsFlush() override {}
  void Finish(const belay::base::Status&) override { is_over_ = true; }
  void MoveTo(std::shared_ptr<Session> session) override { session_ = std::move(session); }
  void Drop(const belay::base::Status&) override { session_.reset(); }

  void Connect(Input& in) {
    if (session_ != nullptr && !is_over_) return;
    session_ = std::make_shared<Session>(hub_, this, belay::daemon::Caller{.peer = "fuzzed"});
    is_over_ = false;
    sent_ = received_ = 0;
    token_.clear();
    calls_.clear();
    handles_.clear();
    released_.clear();
    runs_.clear();
    Send([&](auto& operation) {
      operation.mutable_hello()->set_client_name("fuzzed");
      operation.mutable_hello()->set_protocol_version(1);
      operation.mutable_hello()->set_grace_ms(static_cast<std::uint32_t>(in.Below(2) * 100));
      operation.mutable_hello()->set_incarnation(in.Below(3));
    });
  }
  void Any(Input& in) {
    Send([&](auto& operation) { Fill(in, operation, 0); });
  }
  void AnswerOne(Input& in) {
    if (runs_.empty()) return;
    Send([&](auto& operation) {
      Fill(in, *operation.mutable_result(), 1);
      operation.mutable_result()->set_call_id(runs_.back());
    });
    if (!runs_.empty()) runs_.pop_back();
  }
  // What is on its way is read, and the stream ends.
  void Leave() {
    Read();
    if (session_ != nullptr && !is_over_) session_->OnClosed();
    session_.reset();
  }
  // What is on its way is lost with the stream.
  void Lose() {
    if (session_ == nullptr) return;
    while (const auto frame = session_->outbox().Take(0)) Taken(*frame);
    if (!is_over_) session_->OnClosed();
    session_.reset();
  }
  void Resume() {
    if (token_.empty() || session_ != nullptr) return;
    session_ = std::make_shared<Session>(hub_, this, belay::daemon::Caller{.peer = "fuzzed again"});
    is_over_ = false;
    is_resuming_ = true;
    belay::v1::ClientFrame frame;
    frame.set_ack(received_);
    frame.add_operations()->mutable_hello()->set_resume_token(token_);
    session_->OnFrame(frame);
    Read();
  }
  void Read() {
    while (session_ != nullptr) {
      const auto frame = session_->outbox().Take(session_->received());
      if (frame == nullptr) return;
      Taken(*frame);
      const auto& message = *frame->message;
      if (std::exchange(is_resuming_, false) && is_over_) {  // refused: the number is of no session
        session_.reset();
        token_.clear();
        return;
      }
      if (message.first_sequence() != 0 && message.operations_size() != 0) {
        if (message.first_sequence() != received_ + 1)
          Violated("a gap in the numbers of a session's operations");
        received_ += static_cast<std::uint64_t>(message.operations_size());
      }
      for (const auto& operation : message.operations()) Look(operation);
    }
  }

 private:
  template <typename FillIt>
  void Send(FillIt fill) {
    if (session_ == nullptr || is_over_) return;
    belay::v1::ClientFrame frame;
    frame.set_first_sequence(++sent_);
    frame.set_ack(received_);
    auto& operation = *frame.add_operations();
    fill(operation);
    if (operation.has_call() && !operation.call().no_reply())
      calls_.insert(operation.call().call_id());
    session_->OnFrame(frame);
    Read();
  }
  static void Taken(belay::daemon::Outbox::Frame& frame) {
    for (const auto& taken : std::exchange(frame.taken, {})) taken();
  }
  void Look(const belay::v1::ServerOperation& operation) {
    if (operation.has_welcome() && !operation.welcome().resumed())
      token_ = operation.welcome().resume_token();
    if (operation.has_call()) runs_.push_back(operation.call().call_id());
    if (operation.has_result()) {
      const auto found = calls_.find(operation.result().call_id());
      if (found == calls_.end()) Violated("W4: a result of no call, or a second one");
      calls_.erase(found);
    }
    if (operation.has_reply() && operation.reply().handle() != 0 &&
        !handles_.insert(operation.reply().handle()).second)
      Violated("W2: a handle is given out twice");
    if (operation.has_released() && !released_.insert(operation.released().handle()).second)
      Violated("W5: Released twice");
  }

  Hub& hub_;
  std::shared_ptr<Session> session_;  // null: there is no stream
  bool is_over_ = false;              // the session has ended
  bool is_resuming_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::string token_;
  std::multiset<std::uint64_t> calls_;  // unanswered
  std::set<std::uint64_t> handles_;
  std::set<std::uint64_t> released_;
  std::vector<std::uint64_t> runs_;
};

std::unique_ptr<Hub> MakeHub(const VirtualClock& clock) {
  belay::engine::BrokerOptions options;
  options.random_seed = 1;
  belay::daemon::HubOptions hub_options;
  hub_options.broker = *belay::engine::Broker::Open(options);
  hub_options.clock = &clock;
  hub_options.epoch = 1;
  hub_options.store_threads = hub_options.hook_threads = 1;
  // Small, as the inputs are.
  hub_options.limits.max_handles = 24;
  hub_options.limits.max_calls_in_flight = 6;
  hub_options.limits.max_exports = 3;
  hub_options.limits.max_payload_bytes = 1'000;
  auto hub = std::make_unique<Hub>(std::move(hub_options));
  hub->inbox.Adopt();
  return hub;
}

void Step(Input& in, FuzzedClient& client, Hub& hub, VirtualClock& clock) {
  switch (in.Below(16)) {
    case 0: client.Leave(); break;
    case 1: client.Lose(); break;
    case 2: client.Resume(); break;
    case 3: client.AnswerOne(in); break;
    case 4:
      clock.AdvanceNs(static_cast<std::int64_t>(in.Below(120)) * 1'000'000);
      hub.deadlines.Advance(clock.MonotonicNs());
      break;
    default: client.Connect(in); client.Any(in);
  }
  hub.inbox.Drain();
  client.Read();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  // Begins at the machine's time: the registry looks at that itself.
  VirtualClock clock(belay::base::Clock::System().MonotonicNs());
  const auto hub = MakeHub(clock);
  {
    std::vector<std::unique_ptr<FuzzedClient>> clients;
    for (std::size_t i = 0; i < kClients; ++i)
      clients.push_back(std::make_unique<FuzzedClient>(*hub));
    while (!in.empty()) Step(in, *clients[in.Below(kClients)], *hub, clock);
  }
  hub->EndSessions();
  if (hub->session_count() != 0) Violated("a session is left");
  hub->StopWorkers();
  if (!hub->broker().Close(kPatienceNs).ok()) Violated("the broker does not close");
  hub->inbox.Drain();
  if (hub->exports.size() != 0) Violated("W2: an export is left");
  if (hub->deadlines.size() != 0) Violated("a deadline is left");
  return 0;
}
