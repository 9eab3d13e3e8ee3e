// The store's half of the client's public methods: what is of no keyspace, and short forms of the default
// one's.
#include <utility>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "clients/cpp/src/store_request.h"

namespace belay::client {

Store Client::store(std::string keyspace) const { return Store(session_, std::move(keyspace)); }

Result<Snapshot> Client::TakeSnapshot() {
  return Await<Result<Snapshot>>(*session_,
                                 [&](Done<Snapshot> done) { TakeSnapshotAsync(std::move(done)); });
}

void Client::TakeSnapshotAsync(Done<Snapshot> done) {
  StoreOperation take(*session_);
  take.request().mutable_snapshot();
  const auto read = [session = session_](const v1::SnapshotResponse& response) {
    return Snapshot{Handle(session, session->HandleFromWire(response.handle())),
                    response.revision()};
  };
  session_->SendRequest(take.id, std::move(take.operation),
                        GiveStore(&v1::StoreResponse::snapshot, std::move(done), read));
}

Result<Keyspace> Client::CreateKeyspace(std::string name) {
  return Await<Result<Keyspace>>(*session_, [&](Done<Keyspace> done) {
    StoreOperation create(*session_);
    create.request().mutable_create_keyspace()->set_keyspace(name);
    const auto read = [name](const v1::CreateKeyspaceResponse& response) {
      return Keyspace{name, response.id()};
    };
    session_->SendRequest(create.id, std::move(create.operation),
                          GiveStore(&v1::StoreResponse::create_keyspace, std::move(done), read));
  });
}

Status Client::DropKeyspace(std::string name) {
  return Await<Status>(*session_, [&](DoneStatus done) {
    StoreOperation drop(*session_);
    drop.request().mutable_drop_keyspace()->set_keyspace(std::move(name));
    session_->SendRequest(drop.id, std::move(drop.operation), GiveStatus(std::move(done)));
  });
}

Result<std::vector<Keyspace>> Client::ListKeyspaces() {
  return Await<Result<std::vector<Keyspace>>>(*session_, [&](Done<std::vector<Keyspace>> done) {
    StoreOperation list(*session_);
    list.request().mutable_list_keyspaces();
    const auto read = [](const v1::ListKeyspacesResponse& response) {
      std::vector<Keyspace> keyspaces;
      for (const v1::KeyspaceInfo& info : response.keyspaces())
        keyspaces.push_back({info.name(), info.id()});
      return keyspaces;
    };
    session_->SendRequest(list.id, std::move(list.operation),
                          GiveStore(&v1::StoreResponse::list_keyspaces, std::move(done), read));
  });
}

Status Client::Flush() {
  return Await<Status>(*session_, [&](DoneStatus done) {
    StoreOperation flush(*session_);
    flush.request().mutable_flush();
    session_->SendRequest(flush.id, std::move(flush.operation), GiveStatus(std::move(done)));
  });
}

Result<Value> Client::Get(std::string key) { return store().Get(std::move(key)); }

void Client::GetAsync(std::string key, Done<Value> done) {
  store().GetAsync(std::move(key), std::move(done));
}

Result<std::uint64_t> Client::Put(std::string key, std::string value, WriteOptions options) {
  return store().Put(std::move(key), std::move(value), std::move(options));
}

void Client::PutAsync(std::string key, std::string value, WriteOptions options,
                      Done<std::uint64_t> done) {
  store().PutAsync(std::move(key), std::move(value), std::move(options), std::move(done));
}

Result<std::uint64_t> Client::Delete(std::string key, WriteOptions options) {
  return store().Delete(std::move(key), std::move(options));
}

void Client::DeleteAsync(std::string key, WriteOptions options, Done<std::uint64_t> done) {
  store().DeleteAsync(std::move(key), std::move(options), std::move(done));
}

Status Client::Scan(const ScanOptions& options, std::function<void(const Row&)> row) {
  return store().Scan(options, std::move(row)).status();
}

void Client::ScanAsync(const ScanOptions& options, std::function<void(const Row&)> row,
                       DoneStatus done) {
  store().ScanAsync(
      options, std::move(row),
      [done = std::move(done)](const Result<std::uint64_t>& shown) { done(shown.status()); });
}

Result<Handle> Client::AttachWatch(std::uint64_t callback, std::string prefix,
                                   std::uint64_t from_revision) {
  return store().AttachWatch(
      callback, {.range = {.prefix = std::move(prefix)}, .from_revision = from_revision});
}

void Client::AttachWatchAsync(std::uint64_t callback, std::string prefix,
                              std::uint64_t from_revision, Done<Handle> done) {
  store().AttachWatchAsync(callback,
                           {.range = {.prefix = std::move(prefix)}, .from_revision = from_revision},
                           std::move(done));
}

}  // namespace belay::client
