// Status, Result and Bytes: how calls into libbelay end, and what they are given.
//
// Thread safety: values.
#pragma once

#include <belay/belay.h>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace belay {

// The outcome of a call: a belay_status and, where it failed, why.
struct [[nodiscard]] Status {
  belay_status code = BELAY_OK;
  std::string reason;   // machine-readable, e.g. "STORE_LOCKED"
  std::string message;  // for people

  Status() = default;
  explicit Status(belay_status c, std::string text = {}) : code(c), message(std::move(text)) {}

  bool ok() const noexcept { return code == BELAY_OK; }
  // "STALE: handle 0x... was released"
  std::string ToString() const {
    std::string text = belay_status_name(code);
    if (!message.empty()) text += ": " + message;
    return text;
  }

  // Of a call that has just returned `code` on this thread.
  static Status Of(belay_status code) {
    Status status;
    status.code = code;
    if (code == BELAY_OK) return status;
    belay_error error = {};
    error.struct_size = static_cast<std::uint32_t>(sizeof(error));
    // Some outcomes (END, BUFFER_TOO_SMALL) are no failures and leave an older error as it was.
    if (belay_last_error(&error) == BELAY_OK && error.status == code) {
      if (error.reason != nullptr) status.reason = error.reason;
      if (error.message != nullptr) status.message = error.message;
    }
    return status;
  }
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}  // NOLINT: implicit by intent
  Result(Status status) : status_(std::move(status)) { assert(!status_.ok()); }  // NOLINT: as above

  bool ok() const noexcept { return value_.has_value(); }
  const Status& status() const noexcept { return status_; }
  belay_status code() const noexcept { return status_.code; }

  // REQUIRES: ok()
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  Status status_;
  std::optional<T> value_;
};

// A view of bytes: what std::span<const std::byte> is in C++20, and converts to it. Made from texts and
// from contiguous containers of byte-sized elements.
class Bytes {
 public:
  constexpr Bytes() noexcept = default;
  Bytes(const void* data, std::size_t size) noexcept
      : data_(static_cast<const std::byte*>(data)), size_(size) {}
  Bytes(std::string_view text) noexcept : Bytes(text.data(), text.size()) {}    // NOLINT: implicit
  Bytes(const std::string& text) noexcept : Bytes(text.data(), text.size()) {}  // NOLINT: implicit
  Bytes(const char* text) noexcept : Bytes(std::string_view(text)) {}           // NOLINT: implicit
  template <typename C,
            typename E = std::remove_pointer_t<decltype(std::declval<const C&>().data())>,
            typename = std::enable_if_t<sizeof(E) == 1 && std::is_trivially_copyable_v<E> &&
                                        !std::is_base_of_v<Bytes, C>>>
  Bytes(const C& container) noexcept  // NOLINT: implicit
      : Bytes(container.data(), container.size()) {}

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const std::byte* begin() const noexcept { return data_; }
  const std::byte* end() const noexcept { return data_ + size_; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }
  operator std::string_view() const noexcept { return text(); }  // NOLINT: implicit by intent

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

namespace detail {

// Owns one handle; closing it never fails for want of anything, so destructors may.
template <belay_status (*Close)(belay_handle)>
class UniqueHandle {
 public:
  UniqueHandle() = default;
  explicit UniqueHandle(belay_handle handle) noexcept : handle_(handle) {}
  UniqueHandle(UniqueHandle&& other) noexcept : handle_(other.Detach()) {}
  UniqueHandle& operator=(UniqueHandle&& other) noexcept {
    if (this != &other) {
      Reset();
      handle_ = other.Detach();
    }
    return *this;
  }
  ~UniqueHandle() { Reset(); }

  belay_handle handle() const noexcept { return handle_; }
  explicit operator bool() const noexcept { return handle_ != 0; }
  // Closes it now.
  void Reset() noexcept {
    if (handle_ != 0) (void)Close(Detach());
  }
  // Gives it up: the caller closes it.
  belay_handle Detach() noexcept { return std::exchange(handle_, 0); }

 private:
  belay_handle handle_ = 0;
};

template <typename Struct>
Struct Sized() noexcept {
  Struct value = {};
  value.struct_size = static_cast<std::uint32_t>(sizeof(Struct));
  return value;
}

}  // namespace detail
}  // namespace belay
