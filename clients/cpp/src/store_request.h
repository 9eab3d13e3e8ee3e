// How store requests are built, sent and answered.
//
// Thread safety: any thread.
#pragma once

#include <memory>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/await.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {

// A store request on its way out.
struct StoreOperation {
  explicit StoreOperation(Session& session)
      : id(session.NextId()), operation(std::make_unique<v1::ClientOperation>()) {
    request().set_request_id(id);
  }
  v1::StoreRequest& request() { return *operation->mutable_store(); }

  std::uint64_t id;
  std::unique_ptr<v1::ClientOperation> operation;
};

// The answer of a store request: `response` picks its part of the reply, `read` makes a result of it.
template <typename T, typename Response, typename Read>
Session::ReplyDone GiveStore(const Response& (v1::StoreResponse::*response)() const,
                             Client::Done<T> done, Read read) {
  return [response, done = std::move(done), read = std::move(read)](const Status& status,
                                                                    v1::Reply* reply) {
    if (reply == nullptr) return done(status);
    const Response& answer = (reply->store().*response)();
    if constexpr (requires { answer.status(); }) {
      if (Status own = FromWire(answer.status()); !own.ok()) return done(std::move(own));
    }
    done(read(answer));
  };
}

// The answer of a request that gives out a handle.
inline Session::ReplyDone GiveHandle(std::shared_ptr<Session> session, Client::Done<Handle> done) {
  return [session = std::move(session), done = std::move(done)](const Status& status,
                                                                v1::Reply* reply) {
    if (reply == nullptr) return done(status);
    done(Handle(session, session->HandleFromWire(reply->handle())));
  };
}

}  // namespace belay::client
