// Callback: one holder's handle to a registered closure; and how closures become callbacks.
//
// What may be registered
//   - Status(Bytes, Reply&): answers by Reply::Set, fails by returning a Status that is not ok;
//   - std::string(Bytes): answers with what it returns.
//   In place of Bytes the closure may take std::string_view or, in C++20, std::span<const std::byte>.
//   - with RegisterTyped<R(Args...)>, anything that can be called so, for pins (pin.hpp).
//
// Life: the closure is moved to the heap at registration and belongs to Belay from then on. It is
// deleted in the release function: once, after the last handle has gone and the last call has returned,
// on a thread of the broker's; when the registration fails, before Register returns.
#pragma once

#include <belay/belay.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "belay/pin.hpp"
#include "belay/rows.hpp"
#include "belay/status.hpp"

namespace belay {

// The answer of one call, inside the closure.
class Reply {
 public:
  explicit Reply(belay_call* call) noexcept : call_(call) {}
  // Copies `data`; a second one replaces the first.
  Status Set(Bytes data) { return Status::Of(belay_call_reply(call_, data.data(), data.size())); }
  // Deadline, trace id, caller.
  const belay_call& call() const noexcept { return *call_; }

 private:
  belay_call* call_;
};

struct InvokeOptions {
  std::int64_t deadline_ns = 0;  // on CLOCK_MONOTONIC; 0: none
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
};

class Callback : public detail::UniqueHandle<belay_release> {
 public:
  using UniqueHandle::UniqueHandle;

  // Calls the closure on this thread. Errors: CALLBACK_FAILED with its own text; STALE, UNREGISTERED,
  // OWNER_CLOSED and their kin, and then it did not run.
  Result<std::string> Invoke(Bytes request, const InvokeOptions& options = {}) const {
    belay_call call = BELAY_CALL_INIT;
    std::string reply(kReplyBytes, '\0');
    call.request = request.data();
    call.request_size = request.size();
    call.reply = reply.data();
    call.reply_capacity = reply.size();
    call.deadline_ns = options.deadline_ns;
    call.trace_high = options.trace_high;
    call.trace_low = options.trace_low;
    belay_status status = belay_invoke(handle(), &call);
    if (status == BELAY_BUFFER_TOO_SMALL) {
      reply.resize(call.reply_size);
      status = belay_call_take(&call, reply.data(), reply.size());
    }
    if (status != BELAY_OK) return Status::Of(status);
    reply.resize(call.reply_size);
    return reply;
  }

  // Another handle to the same closure, held by owner `holder` (0: the same), with `rights`.
  Result<Callback> Retain(belay_handle holder = 0, std::uint32_t rights = BELAY_RIGHTS_SAME) const {
    belay_handle retained = 0;
    const belay_status status = belay_retain(handle(), holder, rights, &retained);
    if (status != BELAY_OK) return Status::Of(status);
    return Callback(retained);
  }

  // Makes it uncallable for every holder, at once; calls in flight go on.
  Status Unregister() const { return Status::Of(belay_unregister(handle())); }

  // Waits until no call is in flight and the closure has been deleted. Unregister first.
  Status Drain(std::uint64_t timeout_ms) const {
    return Status::Of(belay_drain(handle(), timeout_ms));
  }

  // A direct, typed way in. See pin.hpp.
  template <typename F>
  Result<belay::Pin<F>> Pin() const {
    return belay::Pin<F>::Of(handle());
  }

  Result<belay_handle_info> Describe() const {
    auto info = detail::Sized<belay_handle_info>();
    const belay_status status = belay_describe(handle(), &info);
    if (status != BELAY_OK) return Status::Of(status);
    return info;
  }

 private:
  // Replies up to this size need no second copy.
  static constexpr std::size_t kReplyBytes = 512;
};

struct RegisterOptions {
  std::string label = {};  // what it is for, shown in listings; at most 255 bytes
  std::string site = {};   // where it was registered, "file.cc:12"; at most 255 bytes
};

namespace detail {

template <typename F>
void Delete(void* context) {
  delete static_cast<F*>(context);
}

// Runs `function` and says how it went, as belay.h wants it.
template <typename F>
belay_status BytesThunk(void* context, belay_call* call) noexcept {
  F& function = *static_cast<F*>(context);
  const Bytes request(call->request, call->request_size);
  try {
    if constexpr (std::is_invocable_r_v<Status, F&, Bytes, Reply&>) {
      Reply reply(call);
      const Status status = function(request, reply);
      return status.ok() ? BELAY_OK : belay_call_fail(call, status.ToString().c_str());
    } else {
      const std::string reply = function(request);
      return belay_call_reply(call, reply.data(), reply.size());
    }
  } catch (const std::exception& error) {
    return belay_call_fail(call, error.what());
  } catch (...) {
    return belay_call_fail(call, "the callback threw what is no std::exception");
  }
}

// A function pointer has no way to fail, so a typed closure that throws answers zero and says so on
// standard error, where it cannot be overlooked in a test. Closures that may fail belong to Register.
template <typename F, typename R, typename... Args>
R TypedThunk(void* context, Args... args) noexcept {
  try {
    return (*static_cast<F*>(context))(args...);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "belay: a typed callback threw: %s\n", error.what());
  } catch (...) {
    std::fprintf(stderr, "belay: a typed callback threw\n");
  }
  if constexpr (!std::is_void_v<R>) return R{};
}

template <typename F, typename R, typename... Args>
belay_function TypedFunction(R (*)(Args...)) noexcept {
  return reinterpret_cast<belay_function>(&TypedThunk<F, R, Args...>);
}

// Moves `function` to the heap and hands it over. `fill` sets what kind of callback it is.
template <typename F, typename Fill>
Result<Callback> RegisterClosure(belay_handle owner, F function, const RegisterOptions& options,
                                 Fill fill) {
  F* const context = new (std::nothrow) F(std::move(function));
  if (context == nullptr) return Status(BELAY_RESOURCE_EXHAUSTED, "no memory for the closure");
  auto c_options = Sized<belay_callback_options>();
  c_options.context = context;
  c_options.release = &Delete<F>;
  c_options.label = options.label.c_str();
  c_options.site = options.site.c_str();
  fill(c_options);
  belay_handle callback = 0;
  // From here on the context is Belay's, also if this fails.
  const belay_status status = belay_register(owner, &c_options, &callback);
  if (status != BELAY_OK) return Status::Of(status);
  return Callback(callback);
}

template <typename Function>
Result<Callback> RegisterBytes(belay_handle owner, Function&& function,
                               const RegisterOptions& options) {
  using F = std::decay_t<Function>;
  static_assert(std::is_invocable_r_v<Status, F&, Bytes, Reply&> ||
                    std::is_invocable_r_v<std::string, F&, Bytes>,
                "a callback is a Status(Bytes, Reply&) or a std::string(Bytes)");
  return RegisterClosure<F>(
      owner, std::forward<Function>(function), options,
      [](belay_callback_options& c_options) { c_options.callback = &BytesThunk<F>; });
}

template <typename Type, typename Function>
Result<Callback> RegisterTyped(belay_handle owner, Function&& function,
                               const RegisterOptions& options) {
  using F = std::decay_t<Function>;
  const std::string signature = Signature<Type>::Text();
  return RegisterClosure<F>(owner, std::forward<Function>(function), options,
                            [&signature](belay_callback_options& c_options) {
                              c_options.signature = signature.c_str();
                              c_options.typed = TypedFunction<F>(static_cast<Type*>(nullptr));
                            });
}

}  // namespace detail

// A closure for scans: keeps the rows for which `keep(const Row&)` is true.
template <typename Keep>
auto RowFilter(Keep keep) {
  return [keep = std::move(keep)](Bytes block, Reply& reply) mutable -> Status {
    std::string bitmap;
    if (!FilterRows(block.text(), keep, bitmap))
      return Status(BELAY_DATA_LOSS, "the row block is damaged");
    return reply.Set(bitmap);
  };
}

// A closure for scans: gives each row the value that `make(const Row&)` makes of it, a std::optional<std::string>; none
// drops it.
template <typename Make>
auto RowProjection(Make make) {
  return [make = std::move(make)](Bytes block, Reply& reply) mutable -> Status {
    RowReader rows(block.text());
    RowWriter projected;
    Row row;
    while (rows.Next(row)) {
      if (const std::optional<std::string> value = make(static_cast<const Row&>(row)))
        projected.Append({RowKind::kPut, row.revision, row.key, *value});
    }
    if (!rows.ok()) return Status(BELAY_DATA_LOSS, "the row block is damaged");
    return reply.Set(projected.Take());
  };
}

// A closure for watches: calls `changed(const Row&)` for each change, in order of revision.
template <typename Changed>
auto RowWatcher(Changed changed) {
  return [changed = std::move(changed)](Bytes block, Reply&) mutable -> Status {
    RowReader rows(block.text());
    Row row;
    while (rows.Next(row)) changed(static_cast<const Row&>(row));
    return rows.ok() ? Status() : Status(BELAY_DATA_LOSS, "the row block is damaged");
  };
}

}  // namespace belay
