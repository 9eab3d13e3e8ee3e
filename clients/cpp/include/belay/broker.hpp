// Broker and Owner: the scopes in which callbacks live.
#pragma once

#include <belay/belay.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "belay/callback.hpp"
#include "belay/status.hpp"
#include "belay/store.hpp"

namespace belay {

// The scope that registers callbacks and is answerable for them. Its end unregisters them all; calls in
// flight go on, and each closure is deleted after its last.
class Owner : public detail::UniqueHandle<belay_owner_close> {
 public:
  using UniqueHandle::UniqueHandle;

  // See callback.hpp for what `function` may be.
  // Errors: CLOSED, RESOURCE_EXHAUSTED, INVALID_ARGUMENT; the closure is deleted then.
  template <typename Function>
  Result<Callback> Register(Function&& function, const RegisterOptions& options = {}) const {
    return detail::RegisterBytes(handle(), std::forward<Function>(function), options);
  }
  template <typename Type, typename Function>
  Result<Callback> RegisterTyped(Function&& function, const RegisterOptions& options = {}) const {
    return detail::RegisterTyped<Type>(handle(), std::forward<Function>(function), options);
  }
};

struct BrokerOptions {
  std::string name = {};        // shown in listings
  std::string store_path = {};  // folder of the embedded store; empty: no store
  // What the broker has to say, one line each; `level` is BELAY_LOG_... Called from any thread, must not
  // call Belay. None: errors and warnings go to standard error.
  std::function<void(std::int32_t level, std::string_view text)> log = {};
  // How long the destructor waits for calls in flight and release functions.
  std::uint64_t close_timeout_ms = 5000;
};

class Broker {
 public:
  // May block (opens files). Errors: FAILED_PRECONDITION with reason STORE_LOCKED when another process
  // has the store's folder; other store errors.
  static Result<Broker> Open(BrokerOptions options = {}) {
    auto c_options = detail::Sized<belay_broker_options>();
    c_options.name = options.name.empty() ? nullptr : options.name.c_str();
    c_options.store_path = options.store_path.empty() ? nullptr : options.store_path.c_str();
    auto log = std::make_unique<Log>(std::move(options.log));
    if (*log) {
      c_options.log = &Broker::OnLog;
      c_options.log_context = log.get();
    }
    belay_handle handle = 0;
    const belay_status status = belay_open(&c_options, &handle);
    if (status != BELAY_OK) return Status::Of(status);
    return Broker(handle, std::move(log), options.close_timeout_ms);
  }

  Broker(Broker&& other) noexcept
      : handle_(std::exchange(other.handle_, 0)),
        log_(std::move(other.log_)),
        close_timeout_ms_(other.close_timeout_ms_) {}
  Broker& operator=(Broker&& other) noexcept {
    if (this != &other) {
      (void)Close(close_timeout_ms_);
      handle_ = std::exchange(other.handle_, 0);
      log_ = std::move(other.log_);
      close_timeout_ms_ = other.close_timeout_ms_;
    }
    return *this;
  }
  ~Broker() { (void)Close(close_timeout_ms_); }

  // Unregisters every callback, waits up to `timeout_ms` for calls in flight and release functions, and
  // stops the broker's threads. On DEADLINE_EXCEEDED and WOULD_DEADLOCK it is closed all the same, and
  // the rest happens in the background. Idempotent.
  Status Close(std::uint64_t timeout_ms) noexcept {
    if (handle_ == 0) return Status();
    const belay_status status = belay_close(std::exchange(handle_, 0), timeout_ms);
    // The background may still log: then the function is left to it, for good.
    if (status != BELAY_OK) (void)log_.release();
    log_.reset();
    return Status::Of(status);
  }

  Result<Owner> OpenOwner(const std::string& name) const {
    belay_handle owner = 0;
    const belay_status status = belay_owner_open(handle_, name.c_str(), &owner);
    if (status != BELAY_OK) return Status::Of(status);
    return Owner(owner);
  }

  // Under the broker's own owner.
  template <typename Function>
  Result<Callback> Register(Function&& function, const RegisterOptions& options = {}) const {
    return detail::RegisterBytes(handle_, std::forward<Function>(function), options);
  }
  template <typename Type, typename Function>
  Result<Callback> RegisterTyped(Function&& function, const RegisterOptions& options = {}) const {
    return detail::RegisterTyped<Type>(handle_, std::forward<Function>(function), options);
  }

  // Errors: FAILED_PRECONDITION if the broker was opened without a store.
  Result<Store> OpenStore() const {
    belay_handle store = 0;
    const belay_status status = belay_store_open(handle_, &store);
    if (status != BELAY_OK) return Status::Of(status);
    return Store(store);
  }

  // Every live handle. Calls are not stopped meanwhile.
  Result<std::vector<belay_handle_info>> List() const {
    constexpr std::size_t kPage = 64;
    std::vector<belay_handle_info> all;
    std::uint64_t after = 0;
    for (;;) {
      const std::size_t begin = all.size();
      all.resize(begin + kPage, detail::Sized<belay_handle_info>());
      std::uint64_t count = 0;
      const belay_status status = belay_list(handle_, &after, &all[begin], kPage, &count);
      if (status != BELAY_OK) return Status::Of(status);
      all.resize(begin + count);
      if (count < kPage) return all;
    }
  }

  belay_handle handle() const noexcept { return handle_; }

 private:
  using Log = std::function<void(std::int32_t, std::string_view)>;

  Broker(belay_handle handle, std::unique_ptr<Log> log, std::uint64_t close_timeout_ms) noexcept
      : handle_(handle), log_(std::move(log)), close_timeout_ms_(close_timeout_ms) {}

  static void OnLog(void* context, std::int32_t level, const char* text) noexcept {
    try {
      (*static_cast<Log*>(context))(level, text);
    } catch (...) {  // NOLINT(bugprone-empty-catch): there is nowhere to say that saying failed
    }
  }

  belay_handle handle_ = 0;
  std::unique_ptr<Log> log_;  // on the heap: its address is the library's
  std::uint64_t close_timeout_ms_ = 0;
};

}  // namespace belay
