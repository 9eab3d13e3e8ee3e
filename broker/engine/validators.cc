#include "broker/engine/validators.h"

#include <algorithm>
#include <utility>

#include "broker/engine/hooks.h"
#include "broker/engine/validator.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using registry::Handle;
using registry::Kind;
using registry::Ref;
using registry::Registry;

Result<Handle> Validators::Attach(const ValidatorOptions& options) {
  if (options.prefix.size() > storage::kMaxKeyBytes) {
    return Status(Code::kInvalidArgument,
                  "the prefix has " + std::to_string(options.prefix.size()) +
                      " bytes, the bound max_key_bytes is " + std::to_string(storage::kMaxKeyBytes),
                  "LIMIT_EXCEEDED");
  }
  if (options.timeout_ns < 0) {
    return Status(Code::kInvalidArgument, "timeout_ns is negative; 0 is no timeout");
  }
  std::uint32_t rights = 0;
  if (Status status = CheckMayBind(options.callback, &rights); !status.ok()) return status;
  if (Status refusal = Registry::Refusal(options.callback); !refusal.ok()) return refusal;
  auto callback = Registry::Find(options.callback, Kind::kCallback);
  if (!callback.ok()) return callback.status();
  auto held = Registry::Retain(options.callback, hooks_owner_, registry::kRightInvoke);
  if (!held.ok()) return held.status();
  const auto validator =
      Ref<Validator>::Adopt(new Validator(weak_from_this(), options, *held, **callback));
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Status(Code::kClosed, "the broker is closed");
    List list = list_ != nullptr ? *list_ : List();
    const auto behind = std::upper_bound(
        list.begin(), list.end(), validator, [](const auto& left, const auto& right) {
          return left->options().priority < right->options().priority;
        });
    list.insert(behind, validator);
    count_.store(list.size(), std::memory_order_relaxed);
    list_ = std::make_shared<const List>(std::move(list));
  }
  auto handle = registry_->Insert(Ref<registry::Object>(validator.get()), options.holder);
  if (handle.ok()) validator->SetHandle(*handle);
  // The callback may have died since it was retained, and its hooks been told before this was one.
  if (!handle.ok() || IsRefusedForGood(Registry::Refusal(*held))) Detached(*validator);
  return handle;
}

bool Validators::AreAsked(const storage::WriteBatch& batch) const {
  if (!any()) return false;
  const auto validators = Current();
  return validators != nullptr &&
         std::any_of(validators->begin(), validators->end(),
                     [&](const Ref<Validator>& validator) { return validator->WantsAny(batch); });
}

Status Validators::Review(storage::Store& store, storage::WriteBatch* batch) const {
  const auto validators = Current();
  if (validators == nullptr) return {};
  for (const Ref<Validator>& validator : *validators) {
    if (validator->options().keyspace != batch->keyspace || !validator->is_attached()) continue;
    Status status = validator->Ask(store, batch);
    if (status.ok()) continue;
    if (status.reason() != "VALIDATOR_FAILED" ||
        validator->options().on_failure == OnValidatorFailure::kRefuse) {
      return status;
    }
    if (log_) log_(registry::LogLevel::kWarning, "a write passes unasked: " + status.message());
  }
  return {};
}

std::shared_ptr<const Validators::List> Validators::Current() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

template <typename Fn>
void Validators::RemoveIf(Fn matches) {
  std::shared_ptr<const List>
      former;  // destroyed when the lock is free: it may hold the last reference
  const std::lock_guard lock(mutex_);
  if (list_ == nullptr) return;
  List list = *list_;
  std::erase_if(list, [&](const Ref<Validator>& validator) { return matches(*validator); });
  if (list.size() == list_->size()) return;
  count_.store(list.size(), std::memory_order_relaxed);
  former =
      std::exchange(list_, list.empty() ? nullptr : std::make_shared<const List>(std::move(list)));
}

void Validators::Detached(Validator& validator) {
  RemoveIf([&](const Validator& other) { return &other == &validator; });
}

void Validators::CallbacksReleased(std::span<registry::Callback* const> callbacks) {
  if (!any()) return;
  RemoveIf([&](const Validator& validator) {
    return std::find(callbacks.begin(), callbacks.end(), validator.callback_object()) !=
           callbacks.end();
  });
}

void Validators::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  RemoveIf([](const Validator&) { return true; });
}

}  // namespace belay::engine
