#include "broker/daemon/outbox.h"

#include <utility>

#include "belay/v1/session.pb.h"

namespace belay::daemon {
namespace {

// Of an operation's own fields, above its strings.
constexpr std::size_t kOperationBytes = 64;

std::unique_ptr<Outbox::Frame> NewFrame() {
  auto frame = std::make_unique<Outbox::Frame>();
  frame->message = google::protobuf::Arena::CreateMessage<v1::ServerFrame>(&frame->arena);
  return frame;
}

}  // namespace

Outbox::~Outbox() { Clear(); }

v1::ServerOperation& Outbox::Add(std::size_t payload_bytes, Taken taken) {
  const std::size_t bytes = payload_bytes + kOperationBytes;
  if (frames_.empty() || frames_.back()->bytes + bytes > pack_bytes_) frames_.push_back(NewFrame());
  Frame& frame = *frames_.back();
  frame.bytes += bytes;
  queued_bytes_ += bytes;
  if (taken) frame.taken.push_back(std::move(taken));
  return *frame.message->add_operations();
}

std::unique_ptr<Outbox::Frame> Outbox::Take(std::uint64_t ack) {
  if (frames_.empty()) return nullptr;
  auto frame = std::move(frames_.front());
  frames_.pop_front();
  queued_bytes_ -= frame->bytes;
  frame->message->set_ack(ack);
  frame->message->set_first_sequence(sent_ + 1);
  sent_ += static_cast<std::uint64_t>(frame->message->operations_size());
  return frame;
}

std::unique_ptr<Outbox::Frame> Outbox::AckOnly(std::uint64_t ack) {
  auto frame = NewFrame();
  frame->message->set_ack(ack);
  return frame;
}

void Outbox::Clear() {
  const auto frames = std::exchange(frames_, {});
  queued_bytes_ = 0;
  for (const auto& frame : frames) {
    for (const Taken& taken : frame->taken) taken();
  }
}

}  // namespace belay::daemon
