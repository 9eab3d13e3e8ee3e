// One validator: a registry object of kind subscription, and how it is asked.
//
// Thread safety: constant once made but for its handle; any thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/hook.h"
#include "broker/engine/validator_options.h"
#include "broker/registry/registry.h"
#include "broker/storage/store.h"

namespace belay::engine {

class Validators;

class Validator final : public Hook {
 public:
  // Takes over `held_callback`, a handle to `callback`.
  Validator(std::weak_ptr<Validators> validators, ValidatorOptions options,
            registry::Handle held_callback, const registry::Object& callback_object);
  ~Validator() override;

  void HandlesGone() noexcept override;
  std::string_view label() const override { return label_; }
  HookView View() const override { return {HookKind::kValidator, options_.keyspace, callback_}; }
  const ValidatorOptions& options() const noexcept { return options_; }
  const registry::Object* callback_object() const noexcept { return callback_object_; }

  // Told once by who attaches it; until then, and when that handle is closed, nobody is to ask.
  void SetHandle(registry::Handle handle) noexcept { handle_ = handle; }
  bool is_attached() const;

  // Whether it would be asked about the batch as it stands now.
  bool WantsAny(const storage::WriteBatch& batch) const;
  // Asks about the part of the batch that it wants to see, and puts in what it would have instead.
  // FAILED_PRECONDITION, reason REJECTED, with its words; UNAVAILABLE, reason VALIDATOR_FAILED, if it
  // could not be asked.
  base::Status Ask(storage::Store& store, storage::WriteBatch* batch) const;

 private:
  bool Wants(const storage::Operation& operation) const;
  base::Status ExpandRanges(storage::Store& store, storage::WriteBatch* batch) const;
  // The question; empty: nothing of it concerns this validator.
  base::Result<std::string> Show(storage::Store& store, storage::WriteBatch* batch) const;
  base::Status Amend(const std::string& reply, storage::WriteBatch* batch) const;

  const std::weak_ptr<Validators> validators_;
  const ValidatorOptions options_;
  const registry::Handle callback_;
  const registry::Object* const callback_object_;  // for telling callbacks apart only
  const std::string callback_label_;
  const std::string label_;
  std::atomic<registry::Handle> handle_{0};
};

}  // namespace belay::engine
