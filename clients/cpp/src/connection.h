// Connection: one gRPC stream to the broker, in frames.
//
// Frames are parsed and built here, not by gRPC: one that comes in lives in an arena whose memory serves
// the next, so that a frame of a thousand results costs no allocation but those of their payloads.
//
// Each method but Cancel() starts an operation whose tag comes on the queue; gRPC allows one read and one write
// at a time.
//
// Thread safety: Cancel() from any thread; reads and writes as gRPC has it, independent of each other.
#pragma once

#include <google/protobuf/arena.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "belay/v1/session.pb.h"

namespace belay::client {

class Connection {
 public:
  // `token`: who it is from; empty: it does not say.
  Connection(const std::string& target, const std::string& token, grpc::CompletionQueue& queue);

  void Start(void* tag);
  void Read(void* tag) { stream_->Read(&bytes_, tag); }
  // What was read, until the next Read(); null if it is no frame.
  v1::ServerFrame* TakeFrame();
  void Write(const v1::ClientFrame& frame, void* tag);
  void WritesDone(void* tag) { stream_->WritesDone(tag); }
  void Finish(grpc::Status* status, void* tag) { stream_->Finish(status, tag); }
  // Ends the stream at once: what is under way fails.
  void Cancel() { context_.TryCancel(); }

 private:
  // A channel of its own each: gRPC's own pauses between attempts are not ours.
  grpc::GenericStub stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;
  grpc::ByteBuffer bytes_;
  std::vector<char> first_block_;
  google::protobuf::Arena arena_;  // in first_block_, as far as that goes
};

}  // namespace belay::client
