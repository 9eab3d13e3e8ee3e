// Hosted: one closure that this client offers, and its end.
//
// Invariant: the handler is destroyed once, by the last shared_ptr to this. Those are held by the session
// (from the registration to Released, or to the session's end), by every run for as long as the handler
// is on the stack, and by every Responder until it has answered.
//
// Thread safety: immutable after construction.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "belay/client/hosting.h"

namespace belay::client {

class Hosted {
 public:
  Hosted(Handler handler, std::string label, std::function<void()> on_released)
      : label_(std::move(label)),
        on_released_(std::move(on_released)),
        handler_(std::move(handler)) {}
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;
  ~Hosted();

  const std::string& label() const { return label_; }

  // Runs one call. Whatever happens the responder is answered, now or by whom the handler gave it to.
  void Run(Request request, Responder responder) const;

 private:
  const std::string label_;
  std::function<void()> on_released_;
  Handler handler_;
};

// Where a Responder's answer goes. Exactly one of the two is called, once.
class Responder::Impl {
 public:
  virtual ~Impl() = default;
  virtual void Answer(const Status& status, std::string payload) = 0;
};

}  // namespace belay::client
