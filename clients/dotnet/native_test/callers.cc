// Native threads for the C# tests; callers.h says what they do.
//
// Thread safety: as in callers.h. `callers::handles` is not written after the threads start.
#include "callers.h"

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

struct callers {
  std::vector<belay_handle> handles;
  std::atomic<bool> stopping{false};
  std::atomic<uint64_t> calls{0};
  std::atomic<uint64_t> answered{0};
  std::atomic<uint64_t> refused{0};
  std::atomic<uint64_t> wrong{0};
  std::atomic<int32_t> first_wrong_status{BELAY_OK};
  std::vector<std::thread> threads;
};

namespace {

// What a caller hears when the callback ended before its call began.
bool MeansEnded(belay_status status) {
  return status == BELAY_STALE || status == BELAY_UNREGISTERED || status == BELAY_OWNER_CLOSED ||
         status == BELAY_CLOSED;
}

void CallOnce(callers* self, uint64_t index, uint64_t number) {
  uint64_t answer = 0;
  belay_call call = BELAY_CALL_INIT;
  call.request = &number;
  call.request_size = sizeof number;
  call.reply = &answer;
  call.reply_capacity = sizeof answer;
  const belay_status status = belay_invoke(self->handles[index], &call);
  if (status == BELAY_OK && call.reply_size == sizeof answer && answer == number + index) {
    self->answered.fetch_add(1, std::memory_order_relaxed);
  } else if (MeansEnded(status)) {
    self->refused.fetch_add(1, std::memory_order_relaxed);
  } else {
    self->wrong.fetch_add(1, std::memory_order_relaxed);
    int32_t none = BELAY_OK;
    self->first_wrong_status.compare_exchange_strong(none, status);
  }
  self->calls.fetch_add(1, std::memory_order_release);
  self->calls.notify_all();
}

void CallUntilStopped(callers* self, uint64_t seed) {
  std::mt19937_64 random(seed);
  while (!self->stopping.load(std::memory_order_relaxed)) {
    CallOnce(self, random() % self->handles.size(), random() >> 1);
  }
}

// Runs `work(thread_index)` on new threads and joins them.
void OnNewThreads(uint32_t threads, const std::function<void(uint32_t)>& work) {
  std::vector<std::thread> running;
  for (uint32_t i = 0; i < threads; ++i) running.emplace_back(work, i);
  for (auto& thread : running) thread.join();
}

belay_status Echo(void*, belay_call* call) {
  return belay_call_reply(call, call->request, call->request_size);
}

}  // namespace

extern "C" {

callers* callers_start(const belay_handle* handles, uint64_t count, uint32_t threads,
                       uint64_t seed) {
  try {
    auto result = std::make_unique<callers>();
    result->handles.assign(handles, handles + count);
    for (uint32_t i = 0; i < threads; ++i) {
      result->threads.emplace_back(CallUntilStopped, result.get(), seed + i);
    }
    return result.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

void callers_await(callers* self, uint64_t calls) {
  for (uint64_t made = self->calls.load(std::memory_order_acquire); made < calls;
       made = self->calls.load(std::memory_order_acquire)) {
    self->calls.wait(made);
  }
}

void callers_stop(callers* self, callers_totals* totals) {
  self->stopping.store(true);
  for (auto& thread : self->threads) thread.join();
  *totals = {self->answered, self->refused, self->wrong, self->first_wrong_status, 0};
  delete self;
}

uint64_t callers_release(const belay_handle* handles, uint64_t count, uint32_t threads) {
  std::atomic<uint64_t> released{0};
  OnNewThreads(threads, [&](uint32_t thread) {
    for (uint64_t i = thread; i < count; i += threads) {
      if (belay_release(handles[i]) == BELAY_OK) ++released;
    }
  });
  return released;
}

belay_status callers_invoke(belay_handle callback, const void* request, uint64_t request_size,
                            void* reply, uint64_t reply_capacity, uint64_t* reply_size) {
  belay_call call = BELAY_CALL_INIT;
  call.request = request;
  call.request_size = request_size;
  call.reply = reply;
  call.reply_capacity = reply_capacity;
  belay_status status = BELAY_UNKNOWN;
  OnNewThreads(1, [&](uint32_t) {
    status = belay_invoke(callback, &call);
    if (status == BELAY_BUFFER_TOO_SMALL) belay_call_take(&call, nullptr, 0);
  });
  *reply_size = call.reply_size;
  return status;
}

belay_status callers_sum(belay_handle callback, int64_t times, int64_t* sum) {
  belay_status status = BELAY_UNKNOWN;
  OnNewThreads(1, [&](uint32_t) {
    belay_pin_info info{};
    info.struct_size = sizeof info;
    status = belay_pin(callback, "i64(i64)", &info);
    if (status != BELAY_OK) return;
    auto* function = reinterpret_cast<int64_t (*)(void*, int64_t)>(info.function);
    *sum = 0;
    for (int64_t i = 0; i < times; ++i) *sum += function(info.context, i);
    status = belay_unpin(info.pin);
  });
  return status;
}

void outer_func(void (*inner)(void* context, uint8_t value), void* context) {
  OnNewThreads(1, [&](uint32_t) {
    inner(context, 1);
    inner(context, 0);
  });
}

int64_t callers_direct(int64_t (*function)(void* context, int64_t value), void* context,
                       int64_t times) {
  int64_t result = 0;
  for (int64_t i = 0; i < times; ++i) result = function(context, i);
  return result;
}

belay_status callers_register_echo(belay_handle owner, belay_handle* callback) {
  belay_callback_options options{};
  options.struct_size = sizeof options;
  options.callback = Echo;
  options.label = "echo, in C++";
  return belay_register(owner, &options, callback);
}

uint64_t callers_layout(uint64_t* pairs, uint64_t capacity) {
  static constexpr uint64_t kLayout[][2] = {
      {sizeof(belay_error), offsetof(belay_error, message)},
      {sizeof(belay_broker_options), offsetof(belay_broker_options, reserved3)},
      {sizeof(belay_call), offsetof(belay_call, kept)},
      {sizeof(belay_callback_options), offsetof(belay_callback_options, reserved)},
      {sizeof(belay_pin_info), offsetof(belay_pin_info, context)},
      {sizeof(belay_handle_info), offsetof(belay_handle_info, signature)},
      {sizeof(belay_keyspace_info), offsetof(belay_keyspace_info, name)},
      {sizeof(belay_key_info), offsetof(belay_key_info, expires_at_ms)},
      {sizeof(belay_bytes), offsetof(belay_bytes, size)},
      {sizeof(belay_scan_options), offsetof(belay_scan_options, projection)},
      {sizeof(belay_write_options), offsetof(belay_write_options, ttl_ms)},
      {sizeof(belay_statistic), offsetof(belay_statistic, name)},
      {sizeof(belay_watch_options), offsetof(belay_watch_options, lag_limit)},
      {sizeof(belay_validator_options), offsetof(belay_validator_options, reserved)},
      {sizeof(belay_update_options), offsetof(belay_update_options, timeout_ms)},
  };
  constexpr uint64_t kCount = sizeof kLayout / sizeof kLayout[0];
  for (uint64_t i = 0; i < kCount && i < capacity; ++i) {
    pairs[2 * i] = kLayout[i][0];
    pairs[2 * i + 1] = kLayout[i][1];
  }
  return kCount;
}

}  // extern "C"
