// Opening and closing a registry.
#include "broker/registry/registry.h"

#include <algorithm>
#include <chrono>
#include <exception>

#include "broker/registry/pin.h"

namespace belay::registry {

using base::Code;
using base::Result;
using base::Status;

namespace {
MisusePolicy OwnPolicy(const RegistryOptions& options) {
  return options.misuse == MisusePolicy::kInherit ? MisusePolicy::kReturn : options.misuse;
}

std::shared_ptr<Graveyard> MakeGraveyard(const RegistryOptions& options) {
  Graveyard::Options wish;
  wish.tombstones = options.tombstones;
  // The life of a callback is three records, each with one new text at most where every callback has a label of
  // its own: half of this many outlive the records that have their numbers.
  wish.texts = 8 * std::max(options.tombstones, options.events);
  wish.misuse = OwnPolicy(options);
  wish.log = options.log;
  wish.clock = options.clock;
  return std::make_shared<Graveyard>(std::move(wish));
}
}  // namespace

Registry::Registry(RegistryOptions options)
    : Object(Kind::kBroker),
      options_(std::move(options)),
      opened_ns_(options_.clock->CoarseMonotonicNs()),
      opened_unix_ns_(options_.clock->WallNs()),
      graveyard_(MakeGraveyard(options_)),
      events_(options_.events == 0
                  ? nullptr
                  : std::make_unique<EventRing>(options_.events, HandleTable::Get().fence_mode())) {
}

Registry::~Registry() = default;

Result<Ref<Registry>> Registry::Open(RegistryOptions options) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  auto registry = Ref<Registry>::Adopt(new Registry(std::move(options)));
  registry->root_ = Ref<Owner>::Adopt(
      new Owner(registry, registry->options_.name, {{}, registry->graveyard_->misuse()}));
  registry->root_->id = HandleTable::Get().objects().Adopt(registry->root_.get());
  if (registry->root_->id == 0) {
    registry->root_ = {};
    return Status(Code::kResourceExhausted, "out of memory for a registry");
  }
  Graveyards& graveyards = HandleTable::Get().graveyards();
  try {
    graveyards.Add(registry->graveyard_);
    // The thread holds a reference of its own, so that it can finish what Close() did not wait for.
    registry->reaper_ = std::thread([self = registry] { self->Reap(); });
  } catch (const std::exception& error) {  // std::system_error, std::bad_alloc
    graveyards.Closed(*registry->graveyard_);
    registry->root_ = {};  // it keeps the registry, which keeps it
    return Status(Code::kResourceExhausted,
                  std::string("cannot start the registry's thread: ") + error.what());
  }
  Status failed;
  {
    const std::lock_guard lock(registry->mutex_);
    registry->reaper_id_ = registry->reaper_.get_id();
    auto handle = registry->AddHandle(*registry, *registry->root_, 0, nullptr, nullptr, Form::kSlow,
                                      EventType::kOwnerOpened);
    if (handle.ok()) {
      registry->handle_ = *handle;
    } else {
      failed = handle.status();
    }
  }
  if (failed.ok()) return registry;
  (void)registry->Close(0);
  return failed;
}

void Registry::SetAttachment(std::shared_ptr<void> attachment) {
  const std::lock_guard lock(mutex_);
  attachment_ = std::move(attachment);
}

std::shared_ptr<void> Registry::attachment() {
  const std::lock_guard lock(mutex_);
  return attachment_;
}

Status Registry::Close(std::int64_t timeout_ns) {
  if (HandleTable::Forked()) return HandleTable::ForkedStatus();
  const bool from_inside =
      std::this_thread::get_id() == reaper_id_ ||
      InsideCallOf([this](Object& object) { return &object.registry() == this; });
  std::vector<std::string> leaks;
  {
    const std::lock_guard lock(mutex_);
    if (close_state_ != CloseState::kOpen)
      return Status(Code::kClosed, "the broker is already closed");
    // The one step that may fail, for want of memory: before anything has changed.
    leaks = LeakReport(*root_);
    close_state_ = CloseState::kClosing;
    CloseOwnerLocked(*root_, Contexts::kRelease);
  }
  HandleTable::Get().Poke();
  for (const std::string& line : leaks) Log(LogLevel::kWarning, line);

  std::unique_lock lock(mutex_);
  const auto closed = [this] { return close_state_ == CloseState::kClosed; };
  // wait_for of a huge duration overflows in the library: a day is for ever here.
  const auto timeout =
      std::chrono::nanoseconds(std::min(timeout_ns, std::int64_t{86'400} * 1'000'000'000));
  const bool done = !from_inside && closed_.wait_for(lock, timeout, closed);
  std::thread reaper = std::move(reaper_);
  lock.unlock();
  if (done) {
    reaper.join();
    return {};
  }
  reaper.detach();  // it finishes by itself and holds its own reference
  if (from_inside) {
    return Status(Code::kWouldDeadlock,
                  "the broker was closed from inside one of its callbacks; it finishes when that "
                  "has returned");
  }
  return Status(
      Code::kDeadlineExceeded,
      "the broker is closed, but calls are still in flight; it finishes when they have returned");
}

void Registry::Log(LogLevel level, std::string_view text) const {
  try {
    if (options_.log) options_.log(level, text);
  } catch (...) {  // NOLINT(bugprone-empty-catch): a line that cannot be written undoes nothing
  }
}

}  // namespace belay::registry
