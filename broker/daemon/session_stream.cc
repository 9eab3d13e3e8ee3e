#include "broker/daemon/session_stream.h"

#include <google/protobuf/arena.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include "broker/daemon/admit.h"
#include "broker/daemon/grpc_status.h"

namespace belay::daemon {

using base::Code;
using base::Status;

namespace {

// How long a client whose session has ended may take to read what is left for it.
constexpr std::int64_t kLingerNs = 5'000'000'000;
// An acknowledgement of its own is sent when so much came and nothing went out.
constexpr std::uint64_t kAckEvery = 1'024;
constexpr std::size_t kAckEveryBytes = std::size_t{1} << 20U;

bool Parse(grpc::ByteBuffer& buffer, v1::ClientFrame* frame) {
  grpc::Slice slice;
  // One slice is the rule for small frames; larger ones are read piece by piece, without gathering them.
  if (buffer.TrySingleSlice(&slice).ok())
    return frame->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  grpc::ProtoBufferReader reader(&buffer);
  return frame->ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer Serialize(const v1::ServerFrame& frame) {
  const std::size_t bytes = frame.ByteSizeLong();
  grpc::Slice slice(bytes);
  frame.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

void SessionStream::Request(BrokerService& service, Loop& loop, Hub& hub) {
  auto* const stream = new SessionStream(service, loop, hub);
  service.RequestSession(&stream->context_, &stream->stream_, &loop.queue(), &loop.queue(),
                         stream->begun_.tag());
}

SessionStream::SessionStream(BrokerService& service, Loop& loop, Hub& hub)
    : service_(service), loop_(loop), hub_(hub) {
  loop_.AddCall();
}

SessionStream::~SessionStream() { loop_.RemoveCall(); }

void SessionStream::OnBegun(bool ok) {
  if (!ok) {  // the server is shut down; nothing else refers to this object
    delete this;
    return;
  }
  if (!hub_.draining()) Request(service_, loop_, hub_);
  auto caller = Admit(hub_, context_);
  if (!caller.ok()) return Finish(caller.status());
  session_ = std::make_shared<Session>(hub_, this, std::move(*caller));
  ReadNext();
}

void SessionStream::ReadNext() {
  is_reading_ = true;
  stream_.Read(&inbound_, read_.tag());
}

void SessionStream::OnRead(bool ok) {
  is_reading_ = false;
  if (is_finishing_) return WantsFlush();  // too late, and perhaps the last event
  if (!ok) {
    session_->OnClosed();
    return;
  }
  bytes_since_ack_ += inbound_.Length();
  Apply();
  inbound_.Clear();
  if (is_finishing_) return;
  // What the client does not read holds up what it may send.
  is_read_paused_ =
      !is_broken_ && session_->outbox().queued_bytes() > hub_.limits().pause_reading_bytes;
  if (!is_read_paused_) ReadNext();
  if (IsAckDue()) WantsFlush();
}

bool SessionStream::IsAckDue() const {
  return session_->unacked() >= kAckEvery || bytes_since_ack_ >= kAckEveryBytes;
}

void SessionStream::Apply() {
  if (inbound_.Length() > hub_.limits().max_frame_bytes) {
    return session_->OnMalformed(Status(Code::kResourceExhausted,
                                        "a frame has " + std::to_string(inbound_.Length()) +
                                            " bytes, max_frame_bytes is " +
                                            std::to_string(hub_.limits().max_frame_bytes),
                                        "FRAME_TOO_LARGE"));
  }
  // A small frame fits in the first block, and costs no allocation but those of its strings.
  alignas(std::max_align_t) std::array<char, 8'192> first_block;
  google::protobuf::ArenaOptions options;
  options.initial_block = first_block.data();
  options.initial_block_size = first_block.size();
  google::protobuf::Arena arena(options);
  auto* const frame = google::protobuf::Arena::CreateMessage<v1::ClientFrame>(&arena);
  if (!Parse(inbound_, frame)) {
    return session_->OnMalformed(Status(
        Code::kInvalidArgument, "a message on the stream is no ClientFrame", "MALFORMED_FRAME"));
  }
  session_->OnFrame(*frame);
}

void SessionStream::Finish(const Status& status) {
  is_finishing_ = true;
  final_status_ = status;
  hub_.deadlines.Set(*this, hub_.clock().MonotonicNs() + kLingerNs);
  WantsFlush();
}

void SessionStream::Drop(const Status& status) {
  session_.reset();
  Finish(status);
}

void SessionStream::OnDeadline() { context_.TryCancel(); }

void SessionStream::Flush() {
  if (is_finished_) {
    if (!is_reading_ && !is_writing_) delete this;
    return;
  }
  if (is_writing_ || is_finish_sent_) return;
  // Nobody is there; what was on its way here is still read, and then the session learns of it.
  if (is_broken_ && !is_finishing_) return;
  if (session_ != nullptr) {
    if (is_broken_) session_->outbox().Clear();
    if (auto frame = session_->outbox().Take(session_->received())) return Write(std::move(frame));
  }
  if (is_finishing_) {
    is_finish_sent_ = true;
    stream_.Finish(ToGrpc(final_status_), finished_.tag());
    return;
  }
  if (IsAckDue()) Write(Outbox::AckOnly(session_->received()));
}

void SessionStream::Write(std::shared_ptr<Outbox::Frame> frame) {
  is_writing_ = true;
  session_->NoteAcked();
  bytes_since_ack_ = 0;
  being_written_ = std::move(frame->taken);
  stream_.Write(Serialize(*frame->message), written_.tag());
}

void SessionStream::OnWritten(bool ok) {
  is_writing_ = false;
  for (const Taken& taken : std::exchange(being_written_, {})) taken();
  is_broken_ = is_broken_ || !ok;
  WantsFlush();
  if (!is_read_paused_ || is_finishing_) return;
  if (is_broken_ || session_->outbox().queued_bytes() <= hub_.limits().pause_reading_bytes) {
    is_read_paused_ = false;
    ReadNext();
  }
}

void SessionStream::OnFinished(bool) {
  is_finished_ = true;
  Withdraw();
  if (session_ != nullptr) session_->outbox().Clear();
  session_.reset();
  WantsFlush();
}

}  // namespace belay::daemon
