// Callbacks that a test looks into, and the waiting that tests do: for events, never for time to pass.
//
// Thread safety: everything here may be used from any thread.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/registry/registry.h"
#include "broker/storage/row_block.h"

namespace belay::engine {

// How long a test waits for what must come. Only a failing test waits that long.
inline constexpr std::chrono::seconds kTestPatience(30);

// Things that arrive, in order.
template <typename T>
class Mailbox {
 public:
  void Put(T thing) {
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
    arrived_.notify_all();
  }
  // The next one; none if it does not come.
  std::optional<T> Take() {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, kTestPatience, [&] { return !things_.empty(); })) return {};
    T thing = std::move(things_.front());
    things_.pop_front();
    return thing;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return things_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<T> things_;
};

// Opens once.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }
  // False if it does not open.
  bool Wait() {
    std::unique_lock lock(mutex_);
    return opened_.wait_for(lock, kTestPatience, [&] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

// For what has no event to wait for: asks until it is so.
template <typename Fn>
bool Eventually(Fn is_so) {
  const auto until = std::chrono::steady_clock::now() + kTestPatience;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

// One row, copied out of its block.
struct Change {
  storage::Revision revision;
  storage::RowKind kind;
  std::string key;
  std::string value;
  bool operator==(const Change&) const = default;
};

inline std::vector<Change> Decode(std::string_view block) {
  std::vector<Change> changes;
  auto reader = storage::RowBlockReader::Open(block);
  EXPECT_TRUE(reader.ok()) << reader.status().ToString();
  if (!reader.ok()) return changes;
  storage::Row row;
  base::Status status;
  while ((status = reader->Next(&row)).ok()) {
    changes.push_back({row.revision, row.kind, std::string(row.key), std::string(row.value)});
  }
  EXPECT_EQ(status.code(), base::Code::kEnd) << status.ToString();
  return changes;
}

inline std::vector<std::string> Keys(const std::vector<Change>& changes) {
  std::vector<std::string> keys;
  for (const Change& change : changes) keys.push_back(change.key);
  return keys;
}

// A callback of the test's. Counts how often its release function ran; must outlive nothing. When a native
// one goes no call of it is under way, nor will be: what its function refers to may go next.
class Probe {
 public:
  using Function = std::function<base::Status(const registry::Request&, std::string* reply)>;
  using Start = std::function<void(std::unique_ptr<registry::AsyncCall>)>;

  // Runs in this process, inline.
  static Probe Native(registry::Handle owner, Function function, std::string label = "probe") {
    return Probe(owner, std::make_shared<State>(State{std::move(function), nullptr}),
                 std::move(label));
  }
  // Answers later.
  static Probe Hosted(registry::Handle owner, Start start, std::string label = "probe") {
    return Probe(owner, std::make_shared<State>(State{nullptr, std::move(start)}),
                 std::move(label));
  }

  Probe(Probe&& other) noexcept
      : state_(std::move(other.state_)), handle_(std::exchange(other.handle_, 0)) {}
  Probe& operator=(Probe&&) = delete;
  ~Probe() {
    if (state_ == nullptr || state_->start) return;
    // It may have ended already, in whatever way the test is about.
    (void)registry::Registry::Unregister(handle_, base::Code::kUnregistered);
    constexpr std::int64_t kPatienceNs =
        std::chrono::duration_cast<std::chrono::nanoseconds>(kTestPatience).count();
    (void)registry::Registry::Drain(handle_, kPatienceNs);
  }

  registry::Handle handle() const { return handle_; }
  int releases() const { return state_->releases.load(); }
  bool WaitReleased() const {
    return Eventually([this] { return releases() > 0; });
  }

 private:
  struct State {
    State(Function native, Start hosted) : function(std::move(native)), start(std::move(hosted)) {}
    State(State&& other) noexcept
        : function(std::move(other.function)), start(std::move(other.start)) {}
    Function function;
    Start start;
    std::atomic<int> releases{0};
  };
  using Context = std::shared_ptr<State>;

  Probe(registry::Handle owner, Context state, std::string label) : state_(std::move(state)) {
    registry::CallbackSpec spec;
    spec.label = std::move(label);
    spec.context = registry::OwnedContext(new Context(state_), [](void* context) {
      const std::unique_ptr<Context> owned(static_cast<Context*>(context));
      (*owned)->releases.fetch_add(1);
    });
    if (state_->start) {
      spec.target.start = [](void* context, std::unique_ptr<registry::AsyncCall> call) {
        (*static_cast<Context*>(context))->start(std::move(call));
      };
    } else {
      spec.target.function = [](void*, ::belay_call*) -> std::int32_t { return 0; };
      spec.target.adapter = [](registry::NativeFunction, void* context,
                               const registry::Request& request, std::string* reply) {
        return (*static_cast<Context*>(context))->function(request, reply);
      };
    }
    auto handle = registry::Registry::Register(owner, std::move(spec));
    EXPECT_TRUE(handle.ok()) << handle.status().ToString();
    if (handle.ok()) handle_ = *handle;
  }

  Context state_;
  registry::Handle handle_ = 0;
};

}  // namespace belay::engine
