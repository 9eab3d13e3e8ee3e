#include "broker/daemon/hosted_callback.h"

#include <utility>

namespace belay::daemon {

registry::CallbackSpec HostedCallback::MakeSpec(std::shared_ptr<Session> session,
                                                std::uint64_t wire_handle,
                                                HostedCallback** hosted) {
  registry::CallbackSpec spec;
  *hosted = new HostedCallback(std::move(session), wire_handle);
  spec.context = registry::OwnedContext(*hosted, &HostedCallback::Release);
  spec.target.start = &HostedCallback::Start;
  return spec;
}

void HostedCallback::Start(void* context, std::unique_ptr<registry::AsyncCall> call) {
  const auto& hosted = *static_cast<const HostedCallback*>(context);
  Session& session = *hosted.session_;
  if (session.hub().inbox.OnOwnThread()) {
    session.StartHosted(hosted.wire_handle_, std::move(call));
    return;
  }
  // A call that comes through the inbox was made by the broker itself, for a hook.
  session.hub().stats.calls.fetch_add(1, std::memory_order_relaxed);
  session.hub().inbox.Post(
      [self = hosted.session_, wire_handle = hosted.wire_handle_,
       call = std::move(call)]() mutable { self->StartHosted(wire_handle, std::move(call)); });
}

void HostedCallback::Release(void* context) {
  std::unique_ptr<HostedCallback> hosted(static_cast<HostedCallback*>(context));
  Inbox& inbox = hosted->session_->hub().inbox;
  inbox.Post([hosted = std::move(hosted)] {
    hosted->session_->OnContextReleased(hosted->wire_handle_, hosted->was_announced_);
  });
}

}  // namespace belay::daemon
