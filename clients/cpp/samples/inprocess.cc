// inprocess.cc: callbacks within one process, in C++. The same story as inprocess.c, with closures.
//
// Two lambdas are given to a native library that keeps them and calls them later from its own thread.
// The program lets go of them at once; what they captured dies after the last call, once.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "belay/belay.hpp"
#include "clients/cpp/samples/native_engine.h"

namespace {

// Something whose end is worth seeing.
class Captured {
 public:
  explicit Captured(std::string name) : name_(std::move(name)) {}
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  ~Captured() { std::printf("   destructor: what \"%s\" captured is gone\n", name_.c_str()); }
  const char* name() const { return name_.c_str(); }

 private:
  std::string name_;
};

int Fail(const char* what, const belay::Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  return 1;
}

int Run() {
  belay::Result<belay::Broker> broker = belay::Broker::Open();
  if (!broker.ok()) return Fail("open", broker.status());
  belay::Result<belay::Owner> owner = broker->OpenOwner("inprocess.cc");
  if (!owner.ok()) return Fail("owner", owner.status());

  std::printf("1. callable_from_c: a lambda with a captured factor of 3, called by native code\n");
  const std::int64_t factor = 3;
  belay::Result<belay::Callback> step = owner->RegisterTyped<std::int64_t(std::int64_t)>(
      [factor, captured = std::make_shared<Captured>("multiply")](std::int64_t argument) {
        return factor * argument;
      },
      {.label = "multiply", .site = "inprocess.cc"});
  if (!step.ok()) return Fail("register", step.status());
  auto seen = std::make_shared<Captured>("finished");
  const std::weak_ptr<Captured> watched = seen;
  belay::Result<belay::Callback> finished = owner->RegisterTyped<void(bool)>(
      [seen = std::move(seen)](bool value) {
        std::printf("   %s(%s)\n", seen->name(), value ? "true" : "false");
      },
      {.label = "finished", .site = "inprocess.cc"});
  if (!finished.ok()) return Fail("register", finished.status());
  std::int64_t result = 0;
  belay_status status = engine_call_now(step->handle(), 14, &result);
  if (status != BELAY_OK) return Fail("call", belay::Status::Of(status));
  std::printf("   multiply(14) = %lld\n", static_cast<long long>(result));

  std::printf("2. outer_func(inner_func): the engine keeps both and calls them later\n");
  status = engine_start(step->handle(), finished->handle(), 3);
  if (status != BELAY_OK) return Fail("start", belay::Status::Of(status));

  std::printf("3. meanwhile the program lets go of both\n");
  const belay_handle old = step->handle();
  step->Reset();
  finished->Reset();
  const belay_status stale = engine_call_now(old, 1, &result);
  std::printf("   using the handle after that: %s, not a crash\n", belay_status_name(stale));
  std::printf("   what it captured %s\n",
              watched.expired() ? "is gone ALREADY" : "lives on, for the engine");

  engine_join();
  std::printf("4. closing: every closure has been deleted by the time it returns\n");
  const belay::Status closed = broker->Close(5000);
  if (!closed.ok()) return Fail("close", closed);
  std::printf("   what it captured %s\n", watched.expired() ? "is gone" : "LIVES ON");
  return stale == BELAY_STALE && watched.expired() ? 0 : 1;
}

}  // namespace

int main() {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  return Run();
}
