// throughput: how many 64-byte echo calls a second go caller -> belayd -> host, three processes.
//
//   throughput TARGET IN_FLIGHT SECONDS
//
// Informative, not a benchmark with a budget: it says what a change of the daemon did.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include "belay/client/client.h"

namespace {

using belay::client::Client;
using belay::client::Result;

int Host(const std::string& target, int ready_fd) {
  auto client = Client::Connect(target, {.client_name = "host"});
  if (!client.ok()) return 1;
  const auto handle = client->Register(
      [](belay::client::Request request, belay::client::Responder responder) {
        responder.Reply(std::move(request.payload));
      },
      {.name = "throughput"});
  if (!handle.ok()) return 1;
  (void)!::write(ready_fd, "r", 1);
  for (;;) ::pause();
}

struct Load {
  Client* client = nullptr;
  std::uint64_t handle = 0;
  std::chrono::steady_clock::time_point end;
  std::atomic<std::uint64_t> done{0};
  std::mutex mutex;
  std::condition_variable ended;
  int in_flight = 0;
  bool failed = false;
};

void Next(Load& load) {
  load.client->InvokeAsync(load.handle, std::string(64, 'x'), {},
                           [&load](const Result<std::string>& reply) {
                             if (reply.ok()) load.done.fetch_add(1, std::memory_order_relaxed);
                             if (reply.ok() && std::chrono::steady_clock::now() < load.end)
                               return Next(load);
                             const std::lock_guard lock(load.mutex);
                             load.failed = load.failed || !reply.ok();
                             if (--load.in_flight == 0) load.ended.notify_all();
                           });
}

int Caller(const std::string& target, int in_flight, int seconds) {
  auto client = Client::Connect(target, {.client_name = "caller"});
  if (!client.ok()) return 1;
  const auto handle = client->Resolve("throughput");
  if (!handle.ok()) return 1;
  Load load;
  load.client = &*client;
  load.handle = handle->id();
  load.in_flight = in_flight;
  const auto begin = std::chrono::steady_clock::now();
  load.end = begin + std::chrono::seconds(seconds);
  for (int i = 0; i < in_flight; ++i) Next(load);
  std::unique_lock lock(load.mutex);
  load.ended.wait(lock, [&] { return load.in_flight == 0; });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%d in flight: %.0f calls/s%s\n", in_flight,
              static_cast<double>(load.done.load()) / took.count(),
              load.failed ? ", some failed" : "");
  return load.failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: throughput TARGET IN_FLIGHT SECONDS\n");
    return 2;
  }
  int pipe_fds[2];
  if (::pipe(pipe_fds) != 0) return 1;
  const pid_t host = ::fork();
  if (host == 0) return Host(argv[1], pipe_fds[1]);
  ::close(pipe_fds[1]);
  char ready = 0;
  int result = ::read(pipe_fds[0], &ready, 1) == 1 ? 0 : 1;
  if (result == 0) result = Caller(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  return result;
}
