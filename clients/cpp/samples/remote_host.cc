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
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
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

// A call runs; its callback is released by everybody; the call ends; Released; the closure goes.
Status ReleaseInFlight(Client& client) {
  const auto captured = std::make_shared<std::string>("the captured object");
  std::weak_ptr<std::string> watched = captured;
  const auto begun = std::make_shared<std::promise<void>>();
  const auto released = std::make_shared<std::promise<void>>();
  belay::client::RegisterOptions options;
  options.label = "slow";
  options.on_released = [released] {
    Say("  Released: the closure has been destroyed");
    released->set_value();
  };
  Result<Handle> handle =
      client.Register(belay::client::Sync([captured, begun](const Request&) -> Result<std::string> {
                        begun->set_value();
                        std::this_thread::sleep_for(std::chrono::milliseconds(300));
                        Say("  the call has finished, with " + *captured + " at hand");
                        return std::string("done");
                      }),
                      std::move(options));
  if (!handle.ok()) return handle.status();

  auto answer = std::make_shared<std::promise<Status>>();
  client.InvokeAsync(handle->id(), "", {}, [answer](Result<std::string> result) {
    Say("  the caller has its answer: " + (result.ok() ? *result : result.status().ToString()));
    answer->set_value(result.status());
  });
  begun->get_future().wait();
  Say("  a call is in flight; releasing the last handle now");
  handle->Reset();
  const Status status = answer->get_future().get();
  released->get_future().wait();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: remote_host ENDPOINT [MIN_KIB]\n");
    return 2;
  }
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
  int greeted = 0;
  Result<Handle> greet = client->Register(
      belay::client::Sync([greeted](const Request& request) mutable -> Result<std::string> {
        return "hello " + request.payload + ", caller number " + std::to_string(++greeted);
      }),
      {.label = "greeter", .name = "demo.greet"});
  if (!greet.ok()) return Fail("register the greeter", greet.status());
  Say("ready: a filter, a watch on demo/, and a callback named demo.greet");

  for (std::string command; std::getline(std::cin, command);) {
    Status status;
    if (command == "scan") {
      status = Scan(*client, filter->id());
    } else if (command == "release-in-flight") {
      status = ReleaseInFlight(*client);
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
