// NATS: nats-server and its C client. A call is a request: it is published with a subject to answer to, which
// has the call's number in it.
//
// It has no unix sockets, so it is reached over TCP on the loopback interface.
//
// Thread safety: one thread at a time.
#pragma once

#include <nats/nats.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "tests/bench/child.h"
#include "tests/bench/folder.h"
#include "tests/bench/remote/echo.h"
#include "tests/bench/remote/roles.h"
#include "tests/bench/remote/window.h"

namespace belay::bench {

// When the client library writes what is published.
enum class NatsSending {
  kGathered,  // by a thread of its own, as it does by default
  kAtOnce,    // as it is published
};

class NatsServer {
 public:
  NatsServer();

  const std::string& url() const { return url_; }

 private:
  Folder folder_;
  Child server_;
  std::string url_;
};

// A caller, and a host that sends in the same way. REQUIRES: `server` outlives it.
class NatsEcho final : public Echo {
 public:
  NatsEcho(const NatsServer& server, NatsSending sending);
  ~NatsEcho() override;

  void Call(int in_flight, int calls) override;
  void CallOnce() override;

 private:
  static void OnAnswer(natsConnection*, natsSubscription*, natsMsg* message, void* self);
  void Next();

  RoleProcess host_;
  natsConnection* connection_ = nullptr;
  natsSubscription* answers_ = nullptr;
  const char* subject_;
  std::string inbox_;  // what its answers' subjects begin with
  Window window_;
  std::atomic<std::uint64_t> last_call_{
      0};  // the library's thread answers while the first are being made
};

// A server, and callers in both ways: compared with is the one that is faster at what is measured.
struct Nats {
  NatsServer server;
  NatsEcho gathered{server, NatsSending::kGathered};
  NatsEcho at_once{server, NatsSending::kAtOnce};
};

}  // namespace belay::bench
