// Who listens to names. A listener stays with the program's handle of its watch, over renewals, until that is
// released or the session is over.
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/session.h"

namespace belay::client {

void Session::SendWatchName(const std::string& name, NameListener changed, ReplyDone done) {
  const std::uint64_t id = NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_watch_name()->set_request_id(id);
  operation->mutable_watch_name()->set_name(name);
  // On the stream's thread, so before anything that comes of the watch.
  auto keep = [this, listener = std::make_shared<const NameListener>(std::move(changed)),
               done = std::move(done)](const Status& status, v1::Reply* reply) {
    if (reply != nullptr) {
      std::scoped_lock lock(mutex_);
      name_listeners_.emplace(recovery_.FromWire(reply->handle()), listener);
    }
    done(status, reply);
  };
  SendRequest(id, std::move(operation), std::move(keep));
}

void Session::OnNameChanged(const v1::NameChanged& change) {
  std::shared_ptr<const NameListener> listener;
  {
    std::scoped_lock lock(mutex_);
    const auto found = name_listeners_.find(recovery_.FromWire(change.handle()));
    if (found == name_listeners_.end()) return;
    listener = found->second;
  }
  (*listener)({change.name(), change.version(), static_cast<NamePolicy>(change.policy()),
               change.members(), change.owner()});
}

void Session::DropNameListener(std::uint64_t handle) {
  std::shared_ptr<const NameListener> last;  // goes outside the lock
  std::scoped_lock lock(mutex_);
  const auto found = name_listeners_.find(handle);
  if (found == name_listeners_.end()) return;
  last = std::move(found->second);
  name_listeners_.erase(found);
}

}  // namespace belay::client
