#include "clients/cpp/src/recovery.h"

#include <utility>

namespace belay::client {

std::uint64_t IdOf(const v1::ClientOperation& operation) {
  using Case = v1::ClientOperation;
  switch (operation.operation_case()) {
    case Case::kCall: return operation.call().call_id();
    case Case::kRegister: return operation.register_().request_id();
    case Case::kRetain: return operation.retain().request_id();
    case Case::kRelease: return operation.release().request_id();
    case Case::kUnregister: return operation.unregister().request_id();
    case Case::kResolve: return operation.resolve().request_id();
    case Case::kBindName: return operation.bind_name().request_id();
    case Case::kUnbindName: return operation.unbind_name().request_id();
    case Case::kWatchName: return operation.watch_name().request_id();
    case Case::kExportCallback: return operation.export_callback().request_id();
    case Case::kImportCallback: return operation.import_callback().request_id();
    case Case::kAttachWatch: return operation.attach_watch().request_id();
    case Case::kDetachWatch: return operation.detach_watch().request_id();
    case Case::kForgetWatch: return operation.forget_watch().request_id();
    case Case::kAttachValidator: return operation.attach_validator().request_id();
    case Case::kStore: return operation.store().request_id();
    default: return 0;
  }
}

std::uint64_t LetGoBy(const v1::ClientOperation& operation) {
  using Case = v1::ClientOperation;
  switch (operation.operation_case()) {
    case Case::kRelease: return operation.release().handle();
    case Case::kUnregister: return operation.unregister().handle();
    case Case::kDetachWatch: return operation.detach_watch().handle();
    default: return 0;
  }
}

bool IsToBePutBack(const v1::ClientOperation& operation) {
  return operation.has_attach_watch() || operation.has_attach_validator() ||
         operation.has_bind_name() || operation.has_watch_name() ||
         (operation.has_resolve() && operation.resolve().follow());
}

void SetIdOfPutBack(v1::ClientOperation* operation, std::uint64_t id) {
  using Case = v1::ClientOperation;
  switch (operation->operation_case()) {
    case Case::kAttachWatch: return operation->mutable_attach_watch()->set_request_id(id);
    case Case::kAttachValidator: return operation->mutable_attach_validator()->set_request_id(id);
    case Case::kBindName:
      // What had to hold when it was made was said of a name's past.
      operation->mutable_bind_name()->clear_if_version();
      operation->mutable_bind_name()->clear_if_member();
      return operation->mutable_bind_name()->set_request_id(id);
    case Case::kWatchName: return operation->mutable_watch_name()->set_request_id(id);
    case Case::kResolve: return operation->mutable_resolve()->set_request_id(id);
    default: return;
  }
}

Status SessionIsOver() {
  return Status(Code::kStale, "it is of a session that is over: resolve, or attach, again",
                "SESSION_OVER", Certainty::kNotSent);
}

std::uint64_t Recovery::FromWire(std::uint64_t wire) const {
  const auto found = known_as_.find(wire);
  return found != known_as_.end() ? found->second : generation_ << kWireBits | wire;
}

void Recovery::PutBack(std::uint64_t handle, std::uint64_t wire) {
  put_back_[handle] = wire;
  known_as_[wire] = handle;
}

std::optional<std::uint64_t> Recovery::ToWire(std::uint64_t handle) const {
  if (handle >> kWireBits == generation_) return handle & ((std::uint64_t{1} << kWireBits) - 1);
  const auto found = put_back_.find(handle);
  if (found == put_back_.end()) return std::nullopt;
  return found->second;
}

bool Recovery::Translate(v1::ClientOperation* operation) const {
  bool is_known = true;
  // 0 stands for none, in whatever session.
  const auto wire = [&](std::uint64_t handle) -> std::uint64_t {
    if (handle == 0) return 0;
    const auto found = ToWire(handle);
    is_known = is_known && found;
    return found.value_or(0);
  };
  const auto translate = [&](auto* request) { request->set_handle(wire(request->handle())); };
  using Case = v1::ClientOperation;
  switch (operation->operation_case()) {
    case Case::kCall: translate(operation->mutable_call()); break;
    case Case::kRetain: translate(operation->mutable_retain()); break;
    case Case::kRelease: translate(operation->mutable_release()); break;
    case Case::kUnregister: translate(operation->mutable_unregister()); break;
    case Case::kBindName: {
      v1::BindName& request = *operation->mutable_bind_name();
      request.set_handle(wire(request.handle()));
      request.set_if_member(wire(request.if_member()));
      break;
    }
    case Case::kUnbindName: translate(operation->mutable_unbind_name()); break;
    case Case::kExportCallback: translate(operation->mutable_export_callback()); break;
    case Case::kAttachWatch: translate(operation->mutable_attach_watch()); break;
    case Case::kAttachValidator: translate(operation->mutable_attach_validator()); break;
    case Case::kDetachWatch: translate(operation->mutable_detach_watch()); break;
    case Case::kStore: {
      v1::StoreRequest& request = *operation->mutable_store();
      request.set_filter_handle(wire(request.filter_handle()));
      request.set_snapshot_handle(wire(request.snapshot_handle()));
      request.set_callback_handle(wire(request.callback_handle()));
      request.set_projection_handle(wire(request.projection_handle()));
      break;
    }
    default: break;  // names no handle
  }
  return is_known;
}

void Recovery::Keep(std::uint64_t handle, Registration registration) {
  registrations_.insert_or_assign(handle, std::move(registration));
}

void Recovery::Keep(std::uint64_t handle, Attachment attachment) {
  attachments_.insert_or_assign(handle, std::move(attachment));
}

void Recovery::Forget(std::uint64_t handle) {
  registrations_.erase(handle);
  attachments_.erase(handle);
}

void Recovery::Begin(std::uint64_t generation) {
  generation_ = generation;
  put_back_.clear();
  known_as_.clear();
}

}  // namespace belay::client
