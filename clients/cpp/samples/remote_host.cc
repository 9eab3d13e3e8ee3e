// remote_host.cc: a program that offers its closures to a belayd, and follows commands on standard input.
//
//   remote_host ENDPOINT [MIN_KIB]
//
// It registers a filter ("section net, installed size over MIN_KIB", the number captured), a watch on
// the prefix "demo/", and a callback by the public name "demo.greet". Then, a line each:
//   scan               runs a scan of the whole store through the filter, prints what it kept
//   release-in-flight  releases a callback while a call of it runs, and prints in which order things end
//   quit               (or the end of the input) ends the session
// Each prompt-worthy moment is one line that begins with "host: ".
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <utility>

#include "belay/client/client.h"
#include "clients/cpp/samples/dpkg_record.h"

namespace {

using belay::Row;
using belay::client::Client;
using belay::client::Handle;
using belay::client::Request;
using belay::client::Result;
using belay::client::Status;

void Say(const std::string& text) {
  std::printf("host: %s\n", text.c_str());
  std::fflush(stdout);
}

int Fail(const std::string& what, const Status& status) {
  std::fprintf(stderr, "remote_host: %s: %s\n", what.c_str(), status.ToString().c_str());
  return 1;
}

Status Scan(Client& client, std::uint64_t filter) {
  int kept = 0;
  belay::client::ScanOptions options;
  options.filter_handle = filter;
  const Status status = client.Scan(options, [&](const Row& row) {
    ++kept;
    Say("  kept " + std::string(row.key) + ", " +
        std::to_string(belay::samples::InstalledKib(row.value)) + " KiB");
  });
  if (status.ok()) Say("the scan kept " + std::to_string(kept) + " records");
  return status;
}

// What the greeter closes over; a caller named "slow caller" is kept waiting until `finish`.
struct Greeter {
  std::atomic<int> greeted{0};  // calls run on two threads
  std::promise<void> in_flight;
  std::promise<void> finish;

  std::string Greet(const std::string& who) {
    if (who == "slow caller") {
      in_flight.set_value();
      finish.get_future().wait();
      Say("call finished");
    }
    return "hello " + who + ", caller number " + std::to_string(++greeted);
  }
};

// A call of the greeter runs; everybody releases it; the call ends; Released; the closure goes.
Status ReleaseInFlight(const char* endpoint, Handle& greet, const std::weak_ptr<Greeter>& greeter,
                       std::future<void> released) {
  belay::client::ClientOptions options;
  options.client_name = "remote_host, as a caller";
  Result<Client> caller = Client::Connect(endpoint, std::move(options));
  if (!caller.ok()) return caller.status();
  Result<Handle> theirs = caller->Resolve("demo.greet");
  if (!theirs.ok()) return theirs.status();
  auto answer = std::make_shared<std::promise<Result<std::string>>>();
  caller->InvokeAsync(theirs->id(), "slow caller", {}, [answer](Result<std::string> result) {
    answer->set_value(std::move(result));
  });
  {
    const std::shared_ptr<Greeter> running = greeter.lock();
    running->in_flight.get_future().wait();
    Say("a call of demo.greet is in flight");
    greet.Reset();
    theirs->Reset();
    Say("both handles are released; the closure is still alive, for the call runs on");
    running->finish.set_value();
  }
  const Result<std::string> result = answer->get_future().get();
  if (!result.ok()) return result.status();
  Say("the caller got \"" + *result + "\"");
  released.wait();
  Say("Released: the closure has been destroyed");
  Say(greeter.expired() ? "weak reference: dead, what the closure held was collected"
                        : "weak reference: STILL ALIVE");
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: remote_host ENDPOINT [MIN_KIB]\n");
    return 2;
  }
  std::promise<void> greeter_released;  // first: the session's end may tell it too
  const long min_kib = argc > 2 ? std::atol(argv[2]) : 1000;
  belay::client::ClientOptions options;
  options.client_name = "remote_host";
  options.executor = belay::client::ThreadExecutor(2);
  options.on_lost = [](const Status& status) { Say("the session is lost: " + status.ToString()); };
  Result<Client> client = Client::Connect(argv[1], std::move(options));
  if (!client.ok()) return Fail("connect", client.status());

  Result<Handle> filter = client->Register(
      belay::client::Filter([min_kib](const Row& row) {
        return belay::samples::Section(row.value) == "net" &&
               belay::samples::InstalledKib(row.value) > min_kib;
      }),
      {.label = "net over " + std::to_string(min_kib) + " KiB", .name = "net-packages"});
  if (!filter.ok()) return Fail("register the filter", filter.status());
  Result<Handle> watcher =
      client->Register(belay::client::OnChange([](const Row& row) {
                         Say("watch: " + std::string(row.key) + " = " + std::string(row.value) +
                             " at revision " + std::to_string(row.revision));
                       }),
                       {.label = "notes"});
  if (!watcher.ok()) return Fail("register the watcher", watcher.status());
  Result<Handle> watch = client->AttachWatch(watcher->id(), "demo/");
  if (!watch.ok()) return Fail("attach the watch", watch.status());
  auto greeter = std::make_shared<Greeter>();
  const std::weak_ptr<Greeter> watched = greeter;
  Result<Handle> greet = client->Register(
      belay::client::Sync([greeter = std::exchange(greeter, nullptr)](const Request& request)
                              -> Result<std::string> { return greeter->Greet(request.payload); }),
      {.label = "greeter", .name = "demo.greet", .on_released = [&] {
         greeter_released.set_value();
       }});
  if (!greet.ok()) return Fail("register the greeter", greet.status());
  Say("ready: a filter, a watch on demo/, and a callback named demo.greet");

  for (std::string command; std::getline(std::cin, command);) {
    Status status;
    if (command == "scan") {
      status = Scan(*client, filter->id());
    } else if (command == "release-in-flight" && watched.expired()) {
      Say("the greeter was released before");
    } else if (command == "release-in-flight") {
      status = ReleaseInFlight(argv[1], *greet, watched, greeter_released.get_future());
    } else if (command == "quit") {
      break;
    } else if (!command.empty()) {
      Say("unknown command \"" + command + "\": scan, release-in-flight or quit");
    }
    if (!status.ok()) return Fail(command, status);
  }
  client->Close();
  Say("the session is closed");
  return 0;
}
