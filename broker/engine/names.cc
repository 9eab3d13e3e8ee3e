#include "broker/engine/names.h"

#include <algorithm>

#include "broker/engine/hooks.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::Registry;

Status CheckName(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return Status(Code::kInvalidArgument,
                  "a name must have 1 to 255 bytes, not " + std::to_string(name.size()),
                  "BAD_NAME");
  }
  const bool has_control = std::any_of(name.begin(), name.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  if (!has_control) return {};
  return Status(Code::kInvalidArgument, "a name must not contain control characters", "BAD_NAME");
}

Status NotBound(std::string_view name) {
  return Status(Code::kNotFound, "no callback is bound to the name \"" + std::string(name) + "\"",
                "NAME_NOT_BOUND");
}

bool IsDead(Handle handle) { return IsRefusedForGood(Registry::Refusal(handle).code()); }

}  // namespace

Status Names::Bind(std::string_view name, Handle callback) {
  if (Status status = CheckName(name); !status.ok()) return status;
  std::uint32_t rights = 0;
  if (Status status = CheckMayBind(callback, &rights); !status.ok()) return status;
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return object.status();

  const std::lock_guard lock(mutex_);
  if (closed_) return Status(Code::kClosed, "the broker is closed");
  if (const auto bound = by_name_.find(name); bound != by_name_.end()) {
    if (!IsDead(bound->second.handle)) {
      return Status(Code::kAlreadyExists,
                    "the name \"" + std::string(name) + "\" is bound to a live callback",
                    "NAME_BOUND");
    }
    Drop(bound);
  }
  // Whoever finds the callback by its name may not unregister it.
  auto held =
      Registry::Retain(callback, owner_, rights & ~std::uint32_t{registry::kRightUnregister});
  if (!held.ok()) return held.status();
  by_name_.emplace(name, Binding{*held, object->get()});
  by_callback_[object->get()].emplace(name);
  return {};
}

Status Names::Unbind(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const auto bound = by_name_.find(name);
  if (bound == by_name_.end()) return NotBound(name);
  Drop(bound);
  return {};
}

void Names::UnbindCallback(Handle callback) {
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return;
  const std::lock_guard lock(mutex_);
  DropAllOf(object->get());
}

base::Result<Handle> Names::Resolve(std::string_view name) {
  if (Status status = CheckName(name); !status.ok()) return status;
  const std::lock_guard lock(mutex_);
  const auto bound = by_name_.find(name);
  if (bound == by_name_.end()) return NotBound(name);
  if (!IsDead(bound->second.handle)) return bound->second.handle;
  Drop(bound);
  return NotBound(name);
}

std::string Names::NameOf(Handle callback) {
  auto object = Registry::Find(callback, Kind::kCallback);
  if (!object.ok()) return {};
  const std::lock_guard lock(mutex_);
  const auto names = by_callback_.find(object->get());
  return names == by_callback_.end() ? std::string() : *names->second.begin();
}

void Names::CallbackReleased(const registry::Object& callback) {
  const std::lock_guard lock(mutex_);
  DropAllOf(&callback);
}

void Names::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  while (!by_name_.empty()) Drop(by_name_.begin());
}

void Names::Drop(ByName::iterator binding) {
  (void)Registry::Release(binding->second.handle);
  const auto names = by_callback_.find(binding->second.callback);
  names->second.erase(binding->first);
  if (names->second.empty()) by_callback_.erase(names);
  by_name_.erase(binding);
}

void Names::DropAllOf(const registry::Object* callback) {
  const auto names = by_callback_.find(callback);
  if (names == by_callback_.end()) return;
  const std::set<std::string> bound = names->second;
  for (const std::string& name : bound) Drop(by_name_.find(name));
}

}  // namespace belay::engine
