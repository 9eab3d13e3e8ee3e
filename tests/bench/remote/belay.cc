#include "tests/bench/remote/belay.h"

#include <unistd.h>

#include <utility>

#include "tests/bench/remote/roles.h"

namespace belay::bench {
namespace {

using client::Client;
using client::Handle;
using client::Result;

constexpr std::string_view kWho = "Belay";

}  // namespace

BelayBroker::BelayBroker(const std::string& belayd)
    : target_("unix:" + folder_.At("belayd")),
      belayd_({belayd, "--listen", target_, "--data", folder_.At("data"), "--log-level", "error"}) {
  belayd_.ReadLine();
}

Client MustConnect(const std::string& target, const std::string& client_name) {
  return Must(Client::Connect(target, {.client_name = client_name}));
}

Handle HostEcho(Client& client, const std::string& name) {
  return Must(client.Register(
      [](client::Request request, client::Responder responder) {
        responder.Reply(std::move(request.payload));
      },
      {.label = "echo", .name = name}));
}

SessionEcho::SessionEcho(const std::string& target, const std::string& name)
    : client_(MustConnect(target, "caller")), echo_(Must(client_.Resolve(name))) {}

void SessionEcho::Call(int in_flight, int calls) {
  window_.Run(in_flight, calls, [this] { Next(); });
}

void SessionEcho::CallOnce() {
  CheckAnswer(kWho, Must(client_.Invoke(echo_.id(), std::string(kPayload))));
}

void SessionEcho::Next() {
  client_.InvokeAsync(echo_.id(), std::string(kPayload), {},
                      [this](const Result<std::string>& answer) { OnAnswer(answer); });
}

void SessionEcho::OnAnswer(const Result<std::string>& answer) {
  if (!answer.ok()) GiveUp(kWho, answer.status().ToString());
  CheckAnswer(kWho, *answer);
  if (window_.OnEnd()) Next();
}

int ServeBelayHost(const std::string& target) {
  Client host = MustConnect(target, "host");
  const Handle echo = HostEcho(host, kEchoName);
  SayReady();
  for (;;) pause();
}

}  // namespace belay::bench
