#include "clients/cpp/src/line.h"

#include <algorithm>
#include <string>
#include <utility>

namespace belay::client {
namespace {

// An acknowledgement of its own is sent when so much came and nothing went out.
constexpr std::uint64_t kAckEvery = 1024;
constexpr std::size_t kAckEveryBytes = std::size_t{1} << 20U;
// Room for a frame's own fields and an operation's tag and length.
constexpr std::size_t kFrameOverheadBytes = 64;
constexpr std::size_t kOperationOverheadBytes = 16;

Status Broken(const std::string& what) {
  return Status(Code::kInternal, "the broker broke the protocol: " + what);
}

std::uint64_t LastOf(const v1::ClientFrame& frame) {
  return frame.first_sequence() + static_cast<std::uint64_t>(frame.operations_size()) - 1;
}

}  // namespace

void Line::Connect() {
  phase_ = Phase::kHello;
  resend_ = 0;
}

std::vector<Operation> Line::TakeNeverSent() {
  std::vector<Operation> never_sent;
  for (Queued& queued : queue_) never_sent.push_back(std::move(queued.operation));
  queue_.clear();
  kept_.clear();
  resend_ = 0;
  queued_bytes_ = kept_bytes_ = bytes_since_ack_ = 0;
  sent_ = received_ = acked_ = 0;
  resume_token_.clear();
  lease_ms_ = 0;
  return never_sent;
}

void Line::Add(Operation operation) {
  const std::size_t bytes = operation->ByteSizeLong() + kOperationOverheadBytes;
  queued_bytes_ += bytes;
  queue_.push_back({std::move(operation), bytes});
}

std::shared_ptr<const v1::ClientFrame> Line::Take() {
  std::shared_ptr<v1::ClientFrame> frame;
  switch (phase_) {
    case Phase::kDown:
    case Phase::kWelcome: return nullptr;
    case Phase::kHello: frame = TakeHello(); break;
    case Phase::kUp: frame = resend_ != kept_.size() ? kept_[resend_++].frame : Pack();
  }
  if (frame == nullptr) return nullptr;
  frame->set_ack(received_);
  acked_ = received_;
  bytes_since_ack_ = 0;
  return frame;
}

std::shared_ptr<v1::ClientFrame> Line::TakeHello() {
  phase_ = Phase::kWelcome;
  auto frame = std::make_shared<v1::ClientFrame>();
  v1::Hello& hello = *frame->add_operations()->mutable_hello();
  hello = hello_;
  if (can_resume()) {
    hello.set_resume_token(resume_token_);
  } else {
    frame->set_first_sequence(1);
    sent_ = 1;
  }
  return frame;
}

std::shared_ptr<v1::ClientFrame> Line::Pack() {
  const bool is_ack_due = received_ - acked_ >= kAckEvery || bytes_since_ack_ >= kAckEveryBytes;
  if (queue_.empty() && !is_ack_due) return nullptr;
  auto frame = std::make_shared<v1::ClientFrame>();
  std::size_t bytes = kFrameOverheadBytes;
  while (!queue_.empty()) {
    Queued& next = queue_.front();
    if (frame->operations_size() != 0 && bytes + next.bytes > max_frame_bytes_) break;
    bytes += next.bytes;
    queued_bytes_ -= next.bytes;
    frame->mutable_operations()->AddAllocated(next.operation.release());
    queue_.pop_front();
  }
  if (frame->operations_size() == 0) return frame;
  frame->set_first_sequence(sent_ + 1);
  sent_ = LastOf(*frame);
  if (can_resume()) {
    kept_.push_back({frame, bytes});
    kept_bytes_ += bytes;
    resend_ = kept_.size();
  }
  return frame;
}

Status Line::OnFrame(const v1::ServerFrame& frame, int* first_new) {
  *first_new = 0;
  if (phase_ == Phase::kWelcome && can_resume()) return OnGreeting(frame);
  if (frame.ack() > sent_) return Broken("an ack of what was never sent");
  OnAck(frame.ack());
  if (frame.operations_size() == 0) return Status();
  const std::uint64_t first = frame.first_sequence();
  if (first != received_ + 1 && (!can_resume() || first == 0 || first > received_)) {
    return Broken("its frame starts at operation " + std::to_string(first) + ", expected " +
                  std::to_string(received_ + 1));
  }
  const std::uint64_t known = received_ + 1 - first;
  const auto count = static_cast<std::uint64_t>(frame.operations_size());
  *first_new = static_cast<int>(std::min(known, count));
  if (known >= count) return Status();
  received_ += count - known;
  bytes_since_ack_ += frame.ByteSizeLong();
  if (phase_ == Phase::kWelcome && frame.operations(0).has_welcome()) {
    const v1::Welcome& welcome = frame.operations(0).welcome();
    resume_token_ = welcome.resume_token();
    lease_ms_ = welcome.lease_ms();
    if (welcome.limits().max_frame_bytes() != 0)
      max_frame_bytes_ = welcome.limits().max_frame_bytes();
    phase_ = Phase::kUp;
  }
  return Status();
}

// The answer to a Hello that resumes: a Welcome that says so, or a Goodbye, of which the number means nothing.
Status Line::OnGreeting(const v1::ServerFrame& frame) {
  if (frame.operations_size() == 1 && frame.operations(0).has_goodbye()) return Status();
  if (frame.operations_size() != 1 || !frame.operations(0).welcome().resumed())
    return Broken("it answered neither Welcome nor Goodbye to a session that comes back");
  if (frame.ack() > sent_) return Broken("an ack of what was never sent");
  OnAck(frame.ack());
  resend_ = 0;
  phase_ = Phase::kUp;
  return Status();
}

void Line::OnAck(std::uint64_t ack) {
  while (!kept_.empty() && LastOf(*kept_.front().frame) <= ack) {
    kept_bytes_ -= kept_.front().bytes;
    kept_.pop_front();
    if (resend_ != 0) --resend_;
  }
}

}  // namespace belay::client
