// Pin: a typed callback as a plain callable, at the speed of a function pointer.
//
//   auto twice = owner->RegisterTyped<std::int64_t(std::int64_t)>([](std::int64_t x) { return 2 * x; });
//   auto pin = twice->Pin<std::int64_t(std::int64_t)>();
//   (*pin)(21);
//
// While the pin lives its callback may be called, from any thread, even if the callback has been
// released or unregistered meanwhile; its closure is deleted after the last pin has gone.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>

#include "belay/status.hpp"

namespace belay {
namespace detail {

// The name that belay.h gives a C type.
template <typename T>
constexpr const char* TypeName() noexcept {
  if constexpr (std::is_void_v<T>) {
    return "void";
  } else if constexpr (std::is_same_v<T, bool>) {
    return "bool";
  } else if constexpr (std::is_pointer_v<T>) {
    return "ptr";
  } else if constexpr (std::is_same_v<T, float>) {
    return "f32";
  } else if constexpr (std::is_same_v<T, double>) {
    return "f64";
  } else {
    static_assert(std::is_integral_v<T> && sizeof(T) <= 8,
                  "a typed callback takes void, bool, integers, float, double and pointers");
    constexpr const char* kSigned[] = {"i8", "i16", "i32", "i64"};
    constexpr const char* kUnsigned[] = {"u8", "u16", "u32", "u64"};
    constexpr int kIndex = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return std::is_signed_v<T> ? kSigned[kIndex] : kUnsigned[kIndex];
  }
}

template <typename F>
struct Signature;

template <typename R, typename... Args>
struct Signature<R(Args...)> {
  static_assert(sizeof...(Args) <= 6, "a typed callback takes at most 6 arguments");
  using Pointer = R (*)(void* context, Args... args);

  // "i64(i64,ptr)"
  static std::string Text() {
    std::string text = TypeName<R>();
    const char* separator = "(";
    ((text += separator, text += TypeName<Args>(), separator = ","), ...);
    if constexpr (sizeof...(Args) == 0) text += separator;
    return text + ")";
  }
};

}  // namespace detail

template <typename F>
class Pin;

template <typename R, typename... Args>
class Pin<R(Args...)> {
 public:
  // Pins the callback behind `callback`. Errors: INVALID_ARGUMENT with reason SIGNATURE_MISMATCH,
  // FAILED_PRECONDITION if it is not typed, UNREGISTERED and its kin.
  static Result<Pin> Of(belay_handle callback) {
    auto info = detail::Sized<belay_pin_info>();
    const std::string signature = detail::Signature<R(Args...)>::Text();
    const belay_status status = belay_pin(callback, signature.c_str(), &info);
    if (status != BELAY_OK) return Status::Of(status);
    return Pin(info);
  }

  // REQUIRES: this has not been moved from or reset
  R operator()(Args... args) const { return function_(context_, args...); }

  void Reset() noexcept { pin_.Reset(); }

 private:
  explicit Pin(const belay_pin_info& info) noexcept
      : pin_(info.pin),
        function_(reinterpret_cast<typename detail::Signature<R(Args...)>::Pointer>(info.function)),
        context_(info.context) {}

  detail::UniqueHandle<belay_unpin> pin_;
  typename detail::Signature<R(Args...)>::Pointer function_;
  void* context_;
};

}  // namespace belay
