#include "broker/engine/scan_hook.h"

#include <utility>

#include "broker/base/deadline.h"
#include "broker/engine/broker.h"
#include "broker/storage/row_block.h"
#include "broker/storage/row_projection.h"

namespace belay::engine {

using base::Code;
using base::Status;
using registry::Registry;

namespace {

Status Filter(const std::string& bitmap, std::string* block, bool* stops) {
  const auto reader = storage::RowBlockReader::Open(*block);
  if (!reader.ok()) return reader.status();
  if (storage::FilterStops(bitmap, reader->row_count())) *stops = true;
  return storage::ApplyFilter(bitmap, block);
}

Status Project(const std::string& reply, std::string* block, bool* stops) {
  auto projection = storage::ApplyProjection(reply, *block);
  if (!projection.ok()) return projection.status();
  *block = std::move(projection->block);
  if (projection->stops) *stops = true;
  return {};
}

}  // namespace

const ScanHook::Role ScanHook::kFilter = {"filter", &Filter};
const ScanHook::Role ScanHook::kProjection = {"projection", &Project};

ScanHook::~ScanHook() {
  if (handle_ != 0) (void)Registry::Release(handle_);
}

Status ScanHook::Hold(const Broker& broker, registry::Handle callback) {
  if (Status refusal = Registry::Refusal(callback); !refusal.ok()) return refusal;
  auto held = Registry::Retain(callback, broker.hooks_owner(), registry::kRightInvoke);
  if (held.ok()) handle_ = *held;
  return held.status();
}

Status ScanHook::Ask(const std::string& caller, std::int64_t timeout_ns, std::string* block,
                     bool* stops) const {
  const std::string who = std::string("the scan's ") + role_.name + ": ";
  registry::Request request;
  request.payload = *block;
  request.caller = caller;
  request.deadline_ns = base::DeadlineAfter(timeout_ns);
  const registry::Outcome outcome = Registry::Invoke(handle_, std::move(request));
  if (!outcome.status.ok()) {
    return Status(outcome.status.code(), who + outcome.status.message(), outcome.status.reason());
  }
  Status applied = role_.apply(outcome.reply, block, stops);
  if (applied.code() != Code::kInvalidArgument) return applied;
  // The callback's fault, not that of whoever scans.
  Registry::CountFailure(handle_);
  return Status(Code::kCallbackFailed, who + applied.message(), applied.reason());
}

}  // namespace belay::engine
