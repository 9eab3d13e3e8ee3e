#include "broker/daemon/outbox.h"

#include <algorithm>
#include <utility>

#include "belay/v1/session.pb.h"

namespace belay::daemon {
namespace {

// Of an operation's own fields, above its strings.
constexpr std::size_t kOperationBytes = 64;

std::shared_ptr<Outbox::Frame> NewFrame(std::uint64_t first_sequence) {
  auto frame = std::make_shared<Outbox::Frame>();
  frame->message = google::protobuf::Arena::CreateMessage<v1::ServerFrame>(&frame->arena);
  frame->message->set_first_sequence(first_sequence);
  return frame;
}

std::uint64_t LastOf(const Outbox::Frame& frame) {
  return frame.message->first_sequence() +
         static_cast<std::uint64_t>(frame.message->operations_size()) - 1;
}

}  // namespace

Outbox::~Outbox() { Clear(); }

v1::ServerOperation& Outbox::Add(std::size_t payload_bytes, Taken taken) {
  const std::size_t bytes = payload_bytes + kOperationBytes;
  const bool has_room = !frames_.empty() && frames_.back()->message->first_sequence() > sent_ &&
                        frames_.back()->bytes + bytes <= pack_bytes_;
  if (!has_room) frames_.push_back(NewFrame(added_ + 1));
  ++added_;
  Frame& frame = *frames_.back();
  frame.bytes += bytes;
  queued_bytes_ += bytes;
  if (taken) frame.taken.push_back(std::move(taken));
  return *frame.message->add_operations();
}

v1::ServerOperation* Outbox::FindUnsent(std::uint64_t number) {
  if (number <= sent_ || number > added_) return nullptr;
  const auto after = std::upper_bound(frames_.begin(), frames_.end(), number,
                                      [](std::uint64_t wanted, const auto& frame) {
                                        return wanted < frame->message->first_sequence();
                                      });
  v1::ServerFrame& frame = *(*std::prev(after))->message;
  return frame.mutable_operations(static_cast<int>(number - frame.first_sequence()));
}

std::shared_ptr<Outbox::Frame> Outbox::Take(std::uint64_t ack) {
  std::shared_ptr<Frame> frame;
  if (greeting_ != nullptr) {
    frame = std::exchange(greeting_, nullptr);
  } else if (next_ == frames_.size()) {
    return nullptr;
  } else {
    frame = frames_[next_];
    queued_bytes_ -= frame->bytes;
    sent_ = std::max(sent_, LastOf(*frame));
    if (keeps_) {
      ++next_;
      kept_bytes_ += frame->bytes;
    } else {
      frames_.pop_front();
    }
  }
  frame->message->set_ack(ack);
  return frame;
}

std::shared_ptr<Outbox::Frame> Outbox::AckOnly(std::uint64_t ack) {
  auto frame = NewFrame(0);
  frame->message->set_ack(ack);
  return frame;
}

void Outbox::OnAck(std::uint64_t ack) {
  for (; next_ != 0 && LastOf(*frames_.front()) <= ack; --next_) {
    kept_bytes_ -= frames_.front()->bytes;
    frames_.pop_front();
  }
}

v1::ServerOperation& Outbox::Rewind() {
  next_ = 0;
  queued_bytes_ += std::exchange(kept_bytes_, 0);
  greeting_ = NewFrame(0);
  return *greeting_->message->add_operations();
}

void Outbox::Clear() {
  const auto frames = std::exchange(frames_, {});
  greeting_ = nullptr;
  next_ = 0;
  queued_bytes_ = kept_bytes_ = 0;
  for (const auto& frame : frames) {
    for (const Taken& taken : frame->taken) taken();
  }
}

}  // namespace belay::daemon
