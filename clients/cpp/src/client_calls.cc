// The public methods about calls that are more than a question and its answer, and about tokens.
#include <memory>
#include <utility>
#include <vector>

#include "belay/client/client.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/src/await.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/store_request.h"

namespace belay::client {

void Client::Cancel(std::uint64_t call_id, CancelMode mode) { session_->SendCancel(call_id, mode); }

Status Client::Post(std::uint64_t handle, std::string payload, InvokeOptions options) {
  return session_->SendPost(handle, std::move(payload), std::move(options));
}

Broadcast Client::InvokeAll(std::uint64_t handle, std::string payload, InvokeOptions options) {
  Result<Broadcast> answer =
      Await<Result<Broadcast>>(*session_, [&](const std::function<void(Result<Broadcast>)>& done) {
        InvokeAllAsync(handle, std::move(payload), std::move(options),
                       [done](Broadcast broadcast) { done(std::move(broadcast)); });
      });
  return answer.ok() ? *std::move(answer) : Broadcast{answer.status(), {}};
}

void Client::InvokeAllAsync(std::uint64_t handle, std::string payload, InvokeOptions options,
                            std::function<void(Broadcast)> done) {
  const auto replies = std::make_shared<std::vector<MemberReply>>();
  session_->SendCall(
      handle, std::move(payload), std::move(options),
      [replies, done = std::move(done)](const Result<std::string>& result) {
        done({result.status(), std::move(*replies)});
      },
      replies);
}

Result<Exported> Client::Export(std::uint64_t handle, ExportOptions options) {
  return Await<Result<Exported>>(*session_, [&](Done<Exported> done) {
    const std::uint64_t id = session_->NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    v1::Export& request = *operation->mutable_export_callback();
    request.set_request_id(id);
    request.set_handle(handle);
    request.set_uses(options.uses);
    request.set_ttl_ms(options.ttl_ms);
    request.set_rights(options.rights);
    session_->SendRequest(
        id, std::move(operation),
        [session = session_, done = std::move(done)](const Status& status, v1::Reply* reply) {
          if (reply == nullptr) return done(status);
          done(Exported{Handle(session, session->HandleFromWire(reply->handle())),
                        std::move(*reply->mutable_token())});
        });
  });
}

Result<Handle> Client::Import(std::string token) {
  return Await<Result<Handle>>(*session_, [&](Done<Handle> done) {
    const std::uint64_t id = session_->NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    v1::Import& request = *operation->mutable_import_callback();
    request.set_request_id(id);
    request.set_token(std::move(token));
    session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
  });
}

}  // namespace belay::client
