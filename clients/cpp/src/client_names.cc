// The public methods about names.
#include <memory>
#include <utility>

#include "belay/client/client.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/src/await.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/store_request.h"

namespace belay::client {

Result<Handle> Client::Follow(const std::string& name) {
  return Await<Result<Handle>>(*session_,
                               [&](Done<Handle> done) { FollowAsync(name, std::move(done)); });
}

void Client::FollowAsync(const std::string& name, Done<Handle> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::Resolve& request = *operation->mutable_resolve();
  request.set_request_id(id);
  request.set_name(name);
  request.set_follow(true);
  session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
}

Result<Binding> Client::Bind(std::uint64_t callback, std::string name, BindOptions options) {
  return Await<Result<Binding>>(*session_, [&](Done<Binding> done) {
    BindAsync(callback, std::move(name), options, std::move(done));
  });
}

void Client::BindAsync(std::uint64_t callback, std::string name, BindOptions options,
                       Done<Binding> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::BindName& request = *operation->mutable_bind_name();
  request.set_request_id(id);
  request.set_handle(callback);
  request.set_name(std::move(name));
  request.set_policy(static_cast<v1::NamePolicy>(options.policy));
  request.set_on_conflict(static_cast<v1::OnConflict>(options.on_conflict));
  if (options.if_version) request.set_if_version(*options.if_version);
  request.set_if_member(options.if_member);
  session_->SendRequest(
      id, std::move(operation),
      [session = session_, done = std::move(done)](const Status& status, v1::Reply* reply) {
        if (reply == nullptr) return done(status);
        done(Binding{Handle(session, session->HandleFromWire(reply->handle())),
                     reply->name_version()});
      });
}

Status Client::Unbind(std::uint64_t callback, std::string name) {
  return Await<Status>(*session_, [&](DoneStatus done) {
    const std::uint64_t id = session_->NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    v1::UnbindName& request = *operation->mutable_unbind_name();
    request.set_request_id(id);
    request.set_handle(callback);
    request.set_name(std::move(name));
    session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)));
  });
}

Result<Handle> Client::WatchName(const std::string& name, NameListener changed) {
  return Await<Result<Handle>>(*session_, [&](Done<Handle> done) {
    WatchNameAsync(name, std::move(changed), std::move(done));
  });
}

void Client::WatchNameAsync(const std::string& name, NameListener changed, Done<Handle> done) {
  session_->SendWatchName(name, std::move(changed), GiveHandle(session_, std::move(done)));
}

}  // namespace belay::client
