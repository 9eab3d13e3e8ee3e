// A FunctionRef lends a function for the length of one call: two words, no allocation, no ownership.
// For callees that call it before they return and never keep it; who keeps a function takes a
// std::function. (C++26 has std::function_ref; the libraries at hand do not.)
//
// Thread safety: a value; calling it is calling what it refers to.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace belay::base {

template <typename Signature>
class FunctionRef;

template <typename Result, typename... Arguments>
class FunctionRef<Result(Arguments...)> {
 public:
  // Implicit, so that a lambda can be given where one is asked for. It must outlive this.
  template <typename Function>
  requires(!std::is_same_v<std::remove_cvref_t<Function>, FunctionRef>)
      FunctionRef(Function&& function)
  noexcept
      : object_(const_cast<void*>(static_cast<const void*>(std::addressof(function)))),
        call_([](void* object, Arguments... arguments) -> Result {
          return (*static_cast<std::remove_reference_t<Function>*>(object))(
              std::forward<Arguments>(arguments)...);
        }) {}

  Result operator()(Arguments... arguments) const {
    return call_(object_, std::forward<Arguments>(arguments)...);
  }

 private:
  void* object_;
  Result (*call_)(void*, Arguments...);
};

}  // namespace belay::base
