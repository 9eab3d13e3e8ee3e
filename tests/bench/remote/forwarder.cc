#include "tests/bench/remote/forwarder.h"

#include <array>
#include <asio/write.hpp>
#include <cstring>

namespace belay::bench {
namespace {

using asio::local::stream_protocol;

constexpr std::string_view kWho = "the forwarder";
constexpr std::size_t kBufferMessages = 4'096;
constexpr std::size_t kMessageBytes = sizeof(ForwardedMessage);

void MustSucceed(const asio::error_code& error) {
  if (error) GiveUp(kWho, error.message());
}

// Carries one direction: reads what there is, writes it all, and begins again.
class Pump {
 public:
  Pump(stream_protocol::socket& from, stream_protocol::socket& to) : from_(from), to_(to) {}

  void Start() {
    from_.async_read_some(asio::buffer(bytes_), [this](asio::error_code error, std::size_t read) {
      if (error) return;  // a side has gone: the measurement is over
      asio::async_write(to_, asio::buffer(bytes_, read), [this](asio::error_code failed, auto) {
        if (!failed) Start();
      });
    });
  }

 private:
  stream_protocol::socket& from_;
  stream_protocol::socket& to_;
  std::array<char, kBufferMessages * kMessageBytes> bytes_;
};

}  // namespace

MessageSocket::MessageSocket(const std::string& path) : received_(kBufferMessages) {
  asio::error_code error;
  socket_.connect(stream_protocol::endpoint(path), error);
  MustSucceed(error);
}

std::span<const ForwardedMessage> MessageSocket::Read() {
  char* const bytes = reinterpret_cast<char*>(received_.data());
  received_bytes_ -= given_bytes_;
  std::memmove(bytes, bytes + given_bytes_, received_bytes_);
  while (received_bytes_ < kMessageBytes) {
    asio::error_code error;
    received_bytes_ += socket_.read_some(
        asio::buffer(bytes + received_bytes_, kBufferMessages * kMessageBytes - received_bytes_),
        error);
    MustSucceed(error);
  }
  const std::size_t messages = received_bytes_ / kMessageBytes;
  given_bytes_ = messages * kMessageBytes;
  return {received_.data(), messages};
}

void MessageSocket::Write(std::span<const ForwardedMessage> messages) {
  asio::error_code error;
  asio::write(socket_, asio::buffer(messages.data(), messages.size_bytes()), error);
  MustSucceed(error);
}

void ForwarderEcho::Call(int in_flight, int calls) {
  const std::uint64_t last = last_sent_ + static_cast<std::uint64_t>(calls);
  to_write_.clear();
  for (int i = 0; i < in_flight; ++i) Add();
  socket_.Write(to_write_);
  while (last_answered_ < last) {
    to_write_.clear();
    for (const ForwardedMessage& answer : socket_.Read()) {
      Check(answer);
      if (last_sent_ < last) Add();
    }
    if (!to_write_.empty()) socket_.Write(to_write_);
  }
}

void ForwarderEcho::Add() {
  ForwardedMessage& message = to_write_.emplace_back();
  message.call_id = ++last_sent_;
  kPayload.copy(message.payload, kPayloadBytes);
}

void ForwarderEcho::Check(const ForwardedMessage& answer) {
  if (answer.call_id != ++last_answered_) GiveUp(kWho, "an answer is of another call");
  CheckAnswer(kWho, {answer.payload, kPayloadBytes});
}

int ServeForwarder(const std::string& path) {
  asio::io_context io(1);
  stream_protocol::acceptor acceptor(io, stream_protocol::endpoint(path));
  SayReady();
  stream_protocol::socket host = acceptor.accept();
  stream_protocol::socket caller = acceptor.accept();
  Pump calls(caller, host);
  Pump answers(host, caller);
  calls.Start();
  answers.Start();
  io.run();
  return 1;
}

int ServeForwarderHost(const std::string& path) {
  MessageSocket socket(path);
  SayReady();
  for (;;) socket.Write(socket.Read());
}

}  // namespace belay::bench
