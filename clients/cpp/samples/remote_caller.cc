// remote_caller.cc: finds a callback of another process by its public name and invokes it.
//
//   remote_caller ENDPOINT NAME [PAYLOAD [COUNT]]
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "belay/client/client.h"

int main(int argc, char** argv) {
  using belay::client::Client;
  using belay::client::Handle;
  using belay::client::Result;
  if (argc < 3) {
    std::fprintf(stderr, "usage: remote_caller ENDPOINT NAME [PAYLOAD [COUNT]]\n");
    return 2;
  }
  belay::client::ClientOptions options;
  options.client_name = "remote_caller";
  Result<Client> client = Client::Connect(argv[1], std::move(options));
  if (!client.ok()) {
    std::fprintf(stderr, "remote_caller: connect: %s\n", client.status().ToString().c_str());
    return 1;
  }
  const Result<Handle> callback = client->Resolve(argv[2]);
  if (!callback.ok()) {
    std::fprintf(stderr, "remote_caller: %s: %s\n", argv[2], callback.status().ToString().c_str());
    return 1;
  }
  const int count = argc > 4 ? std::atoi(argv[4]) : 1;
  for (int i = 0; i < count; ++i) {
    belay::client::InvokeOptions invoke;
    invoke.timeout_ms = 5000;
    const Result<std::string> reply =
        client->Invoke(callback->id(), argc > 3 ? argv[3] : "", std::move(invoke));
    if (!reply.ok()) {
      std::fprintf(stderr, "remote_caller: %s: %s\n", argv[2], reply.status().ToString().c_str());
      return 1;
    }
    std::printf("caller: %s answered: %s\n", argv[2], reply->c_str());
  }
  return 0;
}
