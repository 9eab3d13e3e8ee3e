#include "clients/cpp/src/connection.h"

#include <grpcpp/impl/codegen/proto_buffer_reader.h>

#include "clients/cpp/src/channel.h"

namespace belay::client {
namespace {

constexpr std::size_t kFirstBlockBytes = std::size_t{32} << 10U;

google::protobuf::ArenaOptions In(std::vector<char>& block) {
  google::protobuf::ArenaOptions options;
  options.initial_block = block.data();
  options.initial_block_size = block.size();
  return options;
}

}  // namespace

Connection::Connection(const std::string& target, const std::string& token,
                       grpc::CompletionQueue& queue)
    : stub_(MakeChannel(target)), first_block_(kFirstBlockBytes), arena_(In(first_block_)) {
  SetToken(context_, token);
  stream_ = stub_.PrepareCall(&context_, "/belay.v1.Broker/Session", &queue);
}

void Connection::Start(void* tag) { stream_->StartCall(tag); }

v1::ServerFrame* Connection::TakeFrame() {
  arena_.Reset();
  auto* const frame = google::protobuf::Arena::CreateMessage<v1::ServerFrame>(&arena_);
  grpc::Slice slice;
  bool is_frame = false;
  if (bytes_.TrySingleSlice(&slice).ok()) {
    is_frame = frame->ParseFromArray(slice.begin(), static_cast<int>(slice.size()));
  } else {
    grpc::ProtoBufferReader reader(&bytes_);
    is_frame = frame->ParseFromZeroCopyStream(&reader);
  }
  bytes_.Clear();
  return is_frame ? frame : nullptr;
}

void Connection::Write(const v1::ClientFrame& frame, void* tag) {
  grpc::Slice slice(frame.ByteSizeLong());
  frame.SerializeWithCachedSizesToArray(const_cast<std::uint8_t*>(slice.begin()));
  stream_->Write(grpc::ByteBuffer(&slice, 1), tag);
}

}  // namespace belay::client
