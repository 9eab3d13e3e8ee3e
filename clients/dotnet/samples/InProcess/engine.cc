// The engine of the sample; engine.h says what it does.
//
// Invariants: a Stored function is pinned from the moment it is stored until it is replaced or let go, so it may be
// called at any time between without asking anybody; no function is called with `mutex` held.
// Thread safety: as in engine.h.
#include "engine.h"

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace {

// A typed callback that is pinned: a plain function pointer and its context, good until the destructor.
class Stored {
 public:
  static belay_status Store(belay_handle callback, const char* signature,
                            std::shared_ptr<Stored>* stored) {
    auto result = std::make_shared<Stored>();
    belay_status status = belay_retain(callback, 0, BELAY_RIGHTS_SAME, &result->handle_);
    if (status != BELAY_OK) return status;
    result->info_.struct_size = sizeof(belay_pin_info);
    status = belay_pin(result->handle_, signature, &result->info_);
    if (status == BELAY_OK) *stored = std::move(result);
    return status;
  }

  Stored() = default;
  Stored(const Stored&) = delete;
  Stored& operator=(const Stored&) = delete;
  ~Stored() {
    if (info_.pin != 0) belay_unpin(info_.pin);
    if (handle_ != 0) belay_release(handle_);
  }

  template <typename Result, typename... Arguments>
  Result Call(Arguments... arguments) const {
    using Function = Result (*)(void*, Arguments...);
    return reinterpret_cast<Function>(info_.function)(info_.context, arguments...);
  }

 private:
  belay_handle handle_ = 0;
  belay_pin_info info_{};
};

}  // namespace

struct engine {
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<Stored> transform;
  std::shared_ptr<Stored> listener;
  int64_t last = 0;
  int64_t sum = 0;
  uint64_t asked = 0;
  uint64_t done = 0;
  bool stopping = false;
  std::thread thread;
};

namespace {

belay_status Replace(engine* self, std::shared_ptr<Stored>* place, belay_handle callback,
                     const char* signature) {
  std::shared_ptr<Stored> stored;
  const belay_status status = Stored::Store(callback, signature, &stored);
  if (status != BELAY_OK) return status;
  {
    const std::scoped_lock lock(self->mutex);
    place->swap(stored);
  }
  return BELAY_OK;  // `stored`, the earlier function, is let go here, outside the lock.
}

void Work(engine* self) {
  std::unique_lock lock(self->mutex);
  while (true) {
    self->changed.wait(lock, [&] { return self->stopping || self->done != self->asked; });
    if (self->stopping) return;
    const auto transform = self->transform;
    const auto listener = self->listener;
    const int64_t last = self->last;
    const uint64_t asked = self->asked;
    lock.unlock();

    int64_t sum = 0;
    if (listener) listener->Call<void>(true);
    for (int64_t i = 1; transform && i <= last; ++i) sum += transform->Call<int64_t>(i);
    if (listener) listener->Call<void>(false);

    lock.lock();
    self->sum = sum;
    self->done = asked;
    self->changed.notify_all();
  }
}

}  // namespace

extern "C" {

engine* engine_start(void) {
  try {
    auto result = std::make_unique<engine>();
    result->thread = std::thread(Work, result.get());
    return result.release();
  } catch (const std::exception&) {
    return nullptr;
  }
}

belay_status engine_store_transform(engine* self, belay_handle callback) {
  return Replace(self, &self->transform, callback, "i64(i64)");
}

belay_status engine_store_listener(engine* self, belay_handle callback) {
  return Replace(self, &self->listener, callback, "void(bool)");
}

void engine_run(engine* self, int64_t last) {
  const std::scoped_lock lock(self->mutex);
  self->last = last;
  ++self->asked;
  self->changed.notify_all();
}

int64_t engine_wait(engine* self) {
  std::unique_lock lock(self->mutex);
  self->changed.wait(lock, [&] { return self->done == self->asked; });
  return self->sum;
}

void engine_let_go(engine* self) {
  std::shared_ptr<Stored> transform;
  std::shared_ptr<Stored> listener;
  const std::scoped_lock lock(self->mutex);
  transform.swap(self->transform);
  listener.swap(self->listener);
}

void engine_stop(engine* self) {
  if (self == nullptr) return;
  {
    const std::scoped_lock lock(self->mutex);
    self->stopping = true;
    self->changed.notify_all();
  }
  self->thread.join();
  delete self;
}

}  // extern "C"
