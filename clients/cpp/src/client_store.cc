// The store's half of the public methods.
#include <utility>

#include "belay/client/client.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/src/await.h"
#include "clients/cpp/src/session.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

// The answer of a store request: `response` picks its part of the reply, whose own status counts.
template <typename Response, typename Give>
Session::ReplyDone GiveStore(const Response& (v1::StoreResponse::*response)() const, Give give) {
  return [response, give = std::move(give)](const Status& status, v1::Reply* reply) {
    if (reply == nullptr) return give(status, Response::default_instance());
    const Response& answer = (reply->store().*response)();
    give(FromWire(answer.status()), answer);
  };
}

template <typename Request>
void SetConditions(const WriteOptions& options, Request& request) {
  request.set_durability(options.async ? v1::DURABILITY_ASYNC : v1::DURABILITY_SYNC);
  if (options.if_revision != 0) request.set_if_revision(options.if_revision);
}

}  // namespace

Result<Value> Client::Get(std::string key) {
  return Await<Result<Value>>(*session_,
                              [&](Done<Value> done) { GetAsync(std::move(key), std::move(done)); });
}

void Client::GetAsync(std::string key, Done<Value> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_store()->set_request_id(id);
  operation->mutable_store()->mutable_get()->set_key(std::move(key));
  auto give = [done = std::move(done)](const Status& status, const v1::GetResponse& response) {
    if (!status.ok()) return done(status);
    Value value;
    value.data = response.value();
    value.create_revision = response.create_revision();
    value.mod_revision = response.mod_revision();
    value.version = response.version();
    done(std::move(value));
  };
  session_->SendRequest(id, std::move(operation),
                        GiveStore(&v1::StoreResponse::get, std::move(give)));
}

Result<std::uint64_t> Client::Put(std::string key, std::string value, WriteOptions options) {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    PutAsync(std::move(key), std::move(value), options, std::move(done));
  });
}

void Client::PutAsync(std::string key, std::string value, WriteOptions options,
                      Done<std::uint64_t> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_store()->set_request_id(id);
  v1::PutRequest& put = *operation->mutable_store()->mutable_put();
  put.set_key(std::move(key));
  put.set_value(std::move(value));
  put.set_if_absent(options.if_absent);
  SetConditions(options, put);
  auto give = [done = std::move(done)](const Status& status, const v1::PutResponse& response) {
    if (!status.ok()) return done(status);
    done(std::uint64_t{response.revision()});
  };
  session_->SendRequest(id, std::move(operation),
                        GiveStore(&v1::StoreResponse::put, std::move(give)));
}

Result<std::uint64_t> Client::Delete(std::string key, WriteOptions options) {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    DeleteAsync(std::move(key), options, std::move(done));
  });
}

void Client::DeleteAsync(std::string key, WriteOptions options, Done<std::uint64_t> done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  operation->mutable_store()->set_request_id(id);
  v1::DeleteRequest& request = *operation->mutable_store()->mutable_delete_();
  request.set_key(std::move(key));
  SetConditions(options, request);
  auto give = [done = std::move(done)](const Status& status, const v1::DeleteResponse& response) {
    if (!status.ok()) return done(status);
    done(std::uint64_t{response.revision()});
  };
  session_->SendRequest(id, std::move(operation),
                        GiveStore(&v1::StoreResponse::delete_, std::move(give)));
}

Status Client::Scan(const ScanOptions& options, std::function<void(const Row&)> row) {
  return Await<Status>(
      *session_, [&](DoneStatus done) { ScanAsync(options, std::move(row), std::move(done)); });
}

void Client::ScanAsync(const ScanOptions& options, std::function<void(const Row&)> row,
                       DoneStatus done) {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::StoreRequest& request = *operation->mutable_store();
  request.set_request_id(id);
  request.set_filter_handle(options.filter_handle);
  v1::ScanRequest& scan = *request.mutable_scan();
  scan.set_start(options.start);
  scan.set_end(options.end);
  scan.set_prefix(options.prefix);
  scan.set_reverse(options.reverse);
  scan.set_keys_only(options.keys_only);
  scan.set_limit(options.limit);
  scan.set_filter_name(options.filter_name);
  session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)), std::move(row));
}

}  // namespace belay::client
