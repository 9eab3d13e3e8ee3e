// Calls that nobody waits for: submitted, posted, broadcast, cancelled.
#include <iterator>
#include <string>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// A call to submit, with the bytes that it points to.
class Call {
 public:
  explicit Call(World& world) : request_(world.in.Bytes()) {
    belay_call& call = room_.value;
    call.struct_size = world.StructSize(sizeof call);
    call.request = world.OrNull(request_.data());
    call.request_size = request_.size();
    if (world.in.OneIn(16)) call.deadline_ns = world.in.OneIn(2) ? 1 : INT64_MAX;
    if (world.in.OneIn(16)) call.caller = world.AnyHandle();
    passed_ = world.OrNull(&call);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  const belay_call* get() const { return passed_; }

 private:
  const std::string request_;
  Padded<belay_call> room_;
  const belay_call* passed_;
};

// What is to be done at the end of a call, counted by a Due.
class Ending {
 public:
  Ending(World& world, belay_completion& given) : given_(given), due_(world.NewContext()) {
    given.struct_size = world.StructSize(sizeof given);
    given.run = world.OrNull(&Due::Completed);
    given.context = &due_;
    if (!world.in.OneIn(2)) return;
    given.queue = world.HandleOf(BELAY_KIND_QUEUE);
    if (given.run != nullptr) given.tag = reinterpret_cast<std::uintptr_t>(&due_);
  }

  // The call has been taken, or perhaps.
  void Expect() {
    // Its host may be told of nothing that it could tell us: neither a function nor a tag.
    due_.Expect(given_.run == nullptr ? 0 : 1);
    const bool has_tag = given_.struct_size >= sizeof given_;
    if (given_.queue != 0 && !has_tag) due_.least = 0;
  }
  void ExpectPerhaps() {
    Expect();
    due_.least = 0;
  }

 private:
  const belay_completion& given_;
  Due& due_;
};

void Submit(World& world) {
  const Call call(world);
  Padded<belay_completion> completion;
  const bool has_completion = !world.in.OneIn(4);
  Ending ending(world, completion.value);
  std::uint64_t id = 0;
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  // It may run right here, and everything that comes after it.
  const belay_status status = world.Checked([&] {
    return belay_submit(callback, call.get(), has_completion ? &completion.value : nullptr,
                        world.OrNull(&id));
  });
  if (status == BELAY_OK && has_completion) ending.Expect();
  if (id != 0) world.host.calls.push_back(id);
}

void Post(World& world) {
  const Call call(world);
  const belay_handle callback = world.HandleOf(BELAY_KIND_CALLBACK);
  world.Checked([&] { return belay_post(callback, call.get()); });
}

void Broadcast(World& world) {
  constexpr std::size_t kMost = 3;
  const Call call(world);
  const std::size_t count = world.in.Below(kMost + 1);
  belay_handle callbacks[kMost] = {};
  Padded<belay_completion> completions[kMost];
  std::vector<Ending> endings;
  for (std::size_t i = 0; i < count; ++i) {
    callbacks[i] = world.HandleOf(BELAY_KIND_CALLBACK);
    endings.emplace_back(world, completions[i].value);
    completions[i].value.struct_size = sizeof completions[i];
  }
  const bool has_completions = !world.in.OneIn(4);
  belay_status statuses[kMost] = {};
  belay_status* const told = world.OrNull(&statuses[0]);
  const belay_status status = world.Checked([&] {
    return belay_broadcast(world.OrNull(&callbacks[0]), count, call.get(),
                           has_completions ? &completions[0].value : nullptr, told);
  });
  if (status != BELAY_OK || !has_completions) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (told == nullptr) {
      endings[i].ExpectPerhaps();
    } else if (statuses[i] == BELAY_OK) {
      endings[i].Expect();
    }
  }
}

void Cancel(World& world) {
  const std::vector<std::uint64_t>& calls = world.host.calls;
  const std::uint64_t id = calls.empty() || world.in.OneIn(16)
                               ? world.in.Word()
                               : calls[calls.size() - 1 - world.in.Byte() % calls.size()];
  const auto mode =
      static_cast<std::int32_t>(world.in.OneIn(16) ? world.in.Byte() : 1 + world.in.Below(2));
  world.Checked([&] { return belay_call_cancel(id, mode); });
}

// The functions for callbacks, outside of any: inside, World::Callback asks.
void CallInfo(World& world) {
  const Call call(world);
  Padded<belay_call_details> details;
  details.value.struct_size = world.StructSize(sizeof details.value);
  world.Checked([&] { return belay_call_info(call.get(), world.OrNull(&details.value)); });
  if (belay_call_cancelled(call.get()) != 0)
    Violation("R18", "a call that nobody submitted is cancelled");
}

constexpr Operation kOperations[] = {Submit, Post, Broadcast, Cancel, CallInfo};

}  // namespace

std::span<const Operation> CallOperations() { return kOperations; }

}  // namespace belay::fuzz
