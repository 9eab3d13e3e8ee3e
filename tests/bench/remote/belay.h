// Belay on the three sides of the rows: a belayd, a host, and callers that use the C++ client library or
// gRPC's stubs.
//
// Thread safety: one thread at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>

#include "belay/client/client.h"
#include "tests/bench/child.h"
#include "tests/bench/folder.h"
#include "tests/bench/remote/echo.h"
#include "tests/bench/remote/window.h"

namespace belay::bench {

// A belayd with a store, as it is installed, on a socket in a folder of its own.
class BelayBroker {
 public:
  // `belayd`: the path of the program.
  explicit BelayBroker(const std::string& belayd);

  const std::string& target() const { return target_; }
  pid_t pid() const { return belayd_.pid(); }

 private:
  Folder folder_;
  std::string target_;
  Child belayd_;
};

// The public name of the echo.
inline const std::string kEchoName = "bench/echo";

// The value; ends the process with status 2 if there is none.
template <typename T>
T Must(client::Result<T> result) {
  if (!result.ok()) GiveUp("Belay", result.status().ToString());
  return *std::move(result);
}

// A client of this process. Ends the process with status 2 if it cannot connect.
client::Client MustConnect(const std::string& target, const std::string& client_name);

// Hosts the echo under `name`, on the client's thread.
client::Handle HostEcho(client::Client& client, const std::string& name);

// A caller over a session.
class SessionEcho final : public Echo {
 public:
  // `name`: of the host's echo.
  explicit SessionEcho(const std::string& target, const std::string& name = kEchoName);

  void Call(int in_flight, int calls) override;
  void CallOnce() override;

 private:
  void Next();
  void OnAnswer(const client::Result<std::string>& answer);

  client::Client client_;
  client::Handle echo_;
  Window window_;
};

}  // namespace belay::bench
