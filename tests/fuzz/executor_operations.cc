// Queues, strands and the pool, callbacks that run there, and hosts that poll.
#include <algorithm>
#include <string>
#include <utility>

#include "tests/fuzz/operations.h"

namespace belay::fuzz {
namespace {

// Small bounds are met soon.
void Fill(World& world, const std::string& name, Padded<belay_executor_options>& options) {
  belay_executor_options& given = options.value;
  given.struct_size = world.StructSize(sizeof given);
  given.name = world.OrNull(name.c_str());
  given.max_calls = world.in.Below(4);
  given.max_bytes = world.in.OneIn(8) ? world.in.Byte() : 0;
}

void QueueOpen(World& world) {
  Padded<belay_executor_options> options;
  const std::string name = "queue " + world.in.Bytes();
  Fill(world, name, options);
  const belay_handle owner =
      world.HandleOf(world.in.OneIn(2) ? BELAY_KIND_OWNER : BELAY_KIND_BROKER);
  world.Opened([&](belay_handle* queue) {
    const belay_status status = belay_queue_open(owner, world.OrNull(&options.value), queue);
    if (status == BELAY_OK) world.host.Serve(*queue);
    return status;
  });
}

void StrandOpen(World& world) {
  Padded<belay_executor_options> options;
  const std::string name = world.in.Bytes();
  Fill(world, name, options);
  const belay_handle owner =
      world.HandleOf(world.in.OneIn(2) ? BELAY_KIND_OWNER : BELAY_KIND_BROKER);
  world.Opened([&](belay_handle* strand) {
    return belay_strand_open(owner, world.OrNull(&options.value), strand);
  });
}

void RegisterOn(World& world) {
  Padded<belay_callback_options> options;
  belay_callback_options& given = options.value;
  Due& context = world.NewContext();
  given.struct_size = world.StructSize(sizeof given);
  given.callback = &World::Callback;
  given.release = world.OrNull(&Due::Run);
  given.flags = world.in.OneIn(4) ? static_cast<std::uint32_t>(world.in.Below(8)) : 0;
  given.max_concurrency = static_cast<std::uint32_t>(world.in.Below(3));
  switch (world.in.Below(8)) {
    case 0:
    case 1:
    case 2:
    case 3: given.executor = world.HandleOf(BELAY_KIND_QUEUE); break;
    case 4: given.executor = world.HandleOf(BELAY_KIND_STRAND); break;
    case 5: given.executor = BELAY_EXECUTOR_POOL; break;
    case 6: given.executor = world.AnyHandle(); break;
    default: given.executor = BELAY_EXECUTOR_INLINE;
  }
  if (given.struct_size >= sizeof given) {
    context.max_concurrency =
        (given.flags & BELAY_CALLBACK_SERIAL) != 0 ? 1 : static_cast<int>(given.max_concurrency);
  }
  world.Register(options, context);
}

void Poll(World& world) {
  constexpr std::size_t kMost = 3;
  Padded<belay_work> works[kMost];
  const std::uint32_t stride = world.in.OneIn(8) ? world.StructSize(sizeof(belay_work))
                                                 : static_cast<std::uint32_t>(sizeof works[0]);
  works[0].value.struct_size = stride;
  std::uint64_t count = 0;
  const std::uint64_t capacity = world.in.Below(kMost) + (world.in.OneIn(16) ? 0 : 1);
  const belay_handle queue = world.HandleOf(BELAY_KIND_QUEUE);
  const belay_status status = world.Checked([&] {
    return belay_queue_poll(queue, world.OrNull(&works[0].value), capacity, world.TimeoutMs(),
                            world.OrNull(&count));
  });
  if (status != BELAY_OK) return;
  if (count > capacity) Violation("I7", "a poll yields more than was asked for");
  const auto* next = reinterpret_cast<const char*>(works);
  for (std::uint64_t i = 0; i < count; ++i, next += stride) {
    Host::Event event{queue, *reinterpret_cast<const belay_work*>(next), false};
    if (event.work.kind == BELAY_WORK_COMPLETION) Host::Run(event);
    world.host.events.push_back(event);
  }
}

// The oldest events that were polled, mostly after having run them, in one go.
void Finish(World& world) {
  constexpr std::size_t kMost = 3;
  std::vector<Host::Event>& all = world.host.events;
  const auto wanted = static_cast<std::ptrdiff_t>(std::min(all.size(), 1 + world.in.Below(kMost)));
  std::vector<Host::Event> taken(all.begin(), all.begin() + wanted);
  all.erase(all.begin(), all.begin() + wanted);

  Padded<belay_result> results[kMost + 1];
  std::string replies[kMost];
  std::uint64_t count = 0;
  for (Host::Event& event : taken) {
    belay_result& result = results[count].value;
    const bool runs = event.work.kind != BELAY_WORK_CALL || !world.in.OneIn(4);
    result.status = runs ? Host::Run(event) : static_cast<belay_status>(world.in.Byte()) - 64;
    result.id = event.work.id;
    if (world.in.OneIn(4)) {
      replies[count] = world.in.Bytes();
      result.reply = world.OrNull(replies[count].data());
      result.reply_size = replies[count].size();
    }
    ++count;
  }
  if (world.in.OneIn(8)) results[count++].value.id = world.in.Word();
  results[0].value.struct_size = world.in.OneIn(8) ? world.StructSize(sizeof(belay_result))
                                                   : static_cast<std::uint32_t>(sizeof results[0]);
  // Not all of these queues need be the same.
  const belay_handle queue =
      taken.empty() || world.in.OneIn(8) ? world.AnyHandle() : taken.front().queue;
  const belay_status status = world.Checked(
      [&] { return belay_queue_finish(queue, world.OrNull(&results[0].value), count); });
  // What was not finished is tried again, and at the end one by one; what was, cannot be.
  if (status != BELAY_OK) {
    all.insert(all.end(), taken.begin(), taken.end());
  } else if (!taken.empty() && results[0].value.struct_size == sizeof results[0] &&
             belay_queue_finish(queue, &results[0].value, 1) != BELAY_NOT_FOUND) {
    Violation("R18", "an event can be finished twice");
  }
}

void Run(World& world) {
  std::uint64_t count = 0;
  const std::uint64_t most = world.in.OneIn(8) ? world.in.Byte() : 2;
  const belay_handle queue = world.HandleOf(BELAY_KIND_QUEUE);
  const belay_status status = world.Checked(
      [&] { return belay_queue_run(queue, most, world.TimeoutMs(), world.OrNull(&count)); });
  if (status == BELAY_OK && count > most) Violation("I7", "a run ran more than it was asked to");
}

void Fd(World& world) {
  std::int32_t fd = -1;
  const belay_handle queue = world.HandleOf(BELAY_KIND_QUEUE);
  const belay_status status =
      world.Checked([&] { return belay_queue_fd(queue, world.OrNull(&fd)); });
  if ((status == BELAY_OK) != (fd >= 0))
    Violation("I2",
              "a file descriptor was written by a call that failed, or not by one that did not");
}

void Interrupt(World& world) {
  const belay_handle queue = world.HandleOf(BELAY_KIND_QUEUE);
  world.Checked([&] { return belay_queue_interrupt(queue); });
}

constexpr Operation kOperations[] = {
    QueueOpen, StrandOpen, RegisterOn, Poll, Finish, Run, Fd, Interrupt,
};

}  // namespace

std::span<const Operation> ExecutorOperations() { return kOperations; }

}  // namespace belay::fuzz
