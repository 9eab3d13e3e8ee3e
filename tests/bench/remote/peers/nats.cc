#include "tests/bench/remote/peers/nats.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "tests/bench/remote/peers/server.h"

namespace belay::bench {
namespace {

constexpr std::string_view kWho = "NATS";
constexpr std::int64_t kLongestMs = 10'000;

void Must(natsStatus status) {
  if (status != NATS_OK) GiveUp(kWho, natsStatus_GetText(status));
}

const char* SubjectOf(NatsSending sending) {
  return sending == NatsSending::kAtOnce ? "echo.at_once" : "echo.gathered";
}

natsConnection* Connect(const std::string& url, NatsSending sending) {
  natsOptions* options = nullptr;
  natsConnection* connection = nullptr;
  Must(natsOptions_Create(&options));
  Must(natsOptions_SetURL(options, url.c_str()));
  Must(natsOptions_SetSendAsap(options, sending == NatsSending::kAtOnce));
  Must(natsConnection_Connect(&connection, options));
  natsOptions_Destroy(options);
  return connection;
}

std::string_view DataOf(natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

// The URL in the file that the server writes once it listens: {"nats": ["nats://127.0.0.1:4222"], ...}.
// Empty until then.
std::string UrlFrom(const std::filesystem::path& folder) {
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::ifstream in(file.path());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t begin = text.find("nats://");
    const std::size_t end = text.find('"', begin);
    if (begin != std::string::npos && end != std::string::npos)
      return text.substr(begin, end - begin);
  }
  return {};
}

void Answer(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  const std::string_view data = DataOf(message);
  Must(natsConnection_Publish(connection, natsMsg_GetReply(message), data.data(),
                              static_cast<int>(data.size())));
  natsMsg_Destroy(message);
}

int Serve(const std::string& url, NatsSending sending) {
  natsConnection* const connection = Connect(url, sending);
  natsSubscription* calls = nullptr;
  Must(natsConnection_Subscribe(&calls, connection, SubjectOf(sending), Answer, nullptr));
  Must(natsConnection_FlushTimeout(connection, kLongestMs));
  SayReady();
  for (;;) pause();
}

}  // namespace

NatsServer::NatsServer()
    : server_({ServerProgram("nats-server"), "--addr", "127.0.0.1", "--port", "-1",
               "--ports_file_dir", folder_.path(), "--log", folder_.At("log")}) {
  WaitUntilUp(kWho, [this] { return !(url_ = UrlFrom(folder_.path())).empty(); });
}

NatsEcho::NatsEcho(const NatsServer& server, NatsSending sending)
    : host_(sending == NatsSending::kAtOnce ? "nats_host_at_once" : "nats_host_gathered",
            server.url()),
      connection_(Connect(server.url(), sending)),
      subject_(SubjectOf(sending)) {
  natsInbox* inbox = nullptr;
  Must(natsInbox_Create(&inbox));
  inbox_ = inbox;
  natsInbox_Destroy(inbox);
  Must(natsConnection_Subscribe(&answers_, connection_, (inbox_ + ".*").c_str(), OnAnswer, this));
}

NatsEcho::~NatsEcho() {
  natsSubscription_Destroy(answers_);
  natsConnection_Destroy(connection_);
}

void NatsEcho::Call(int in_flight, int calls) {
  window_.Run(in_flight, calls, [this] { Next(); });
}

void NatsEcho::CallOnce() {
  natsMsg* answer = nullptr;
  Must(natsConnection_Request(&answer, connection_, subject_, kPayload.data(),
                              static_cast<int>(kPayload.size()), kLongestMs));
  CheckAnswer(kWho, DataOf(answer));
  natsMsg_Destroy(answer);
}

void NatsEcho::Next() {
  const std::string answer_to = inbox_ + "." + std::to_string(++last_call_);
  Must(natsConnection_PublishRequest(connection_, subject_, answer_to.c_str(), kPayload.data(),
                                     static_cast<int>(kPayload.size())));
}

void NatsEcho::OnAnswer(natsConnection*, natsSubscription*, natsMsg* message, void* self) {
  CheckAnswer(kWho, DataOf(message));
  natsMsg_Destroy(message);
  auto* const echo = static_cast<NatsEcho*>(self);
  if (echo->window_.OnEnd()) echo->Next();
}

int ServeNatsHostGathered(const std::string& url) { return Serve(url, NatsSending::kGathered); }
int ServeNatsHostAtOnce(const std::string& url) { return Serve(url, NatsSending::kAtOnce); }

}  // namespace belay::bench
