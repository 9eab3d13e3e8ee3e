// Reads of a keyspace, and its hooks. Writes are in store_writes.cc.
#include "belay/client/store.h"

#include <utility>

#include "clients/cpp/src/store_request.h"

namespace belay::client {
namespace {

// Of a GetResponse or a KeyRecord.
template <typename Message>
Value ToValue(const Message& message) {
  return {message.value(), message.create_revision(), message.mod_revision(), message.version(),
          message.expires_at_ms()};
}

v1::KeyRange ToWire(KeyRange range) {
  v1::KeyRange wire;
  wire.set_start(std::move(range.start));
  wire.set_end(std::move(range.end));
  wire.set_prefix(std::move(range.prefix));
  return wire;
}

}  // namespace

Store::Store(std::shared_ptr<Session> session, std::string keyspace)
    : session_(std::move(session)), keyspace_(std::move(keyspace)) {}

Store Store::At(const Snapshot& snapshot) const {
  Store then = *this;
  then.snapshot_ = snapshot.handle.id();
  return then;
}

Result<Value> Store::Get(std::string key) const {
  return Await<Result<Value>>(*session_,
                              [&](Done<Value> done) { GetAsync(std::move(key), std::move(done)); });
}

void Store::GetAsync(std::string key, Done<Value> done) const {
  StoreOperation get(*session_);
  get.request().set_snapshot_handle(snapshot_);
  get.request().mutable_get()->set_key(std::move(key));
  get.request().mutable_get()->set_keyspace(keyspace_);
  session_->SendRequest(
      get.id, std::move(get.operation),
      GiveStore(&v1::StoreResponse::get, std::move(done), &ToValue<v1::GetResponse>));
}

Result<std::vector<Record>> Store::GetMany(std::vector<std::string> keys) const {
  return Await<Result<std::vector<Record>>>(*session_, [&](Done<std::vector<Record>> done) {
    GetManyAsync(std::move(keys), std::move(done));
  });
}

void Store::GetManyAsync(std::vector<std::string> keys, Done<std::vector<Record>> done) const {
  StoreOperation get(*session_);
  get.request().set_snapshot_handle(snapshot_);
  v1::GetManyRequest& request = *get.request().mutable_get_many();
  request.set_keyspace(keyspace_);
  for (std::string& key : keys) request.add_keys(std::move(key));
  const auto read = [](const v1::GetManyResponse& response) {
    std::vector<Record> records;
    for (const v1::KeyRecord& record : response.records())
      records.push_back({record.key(), ToValue(record)});
    return records;
  };
  session_->SendRequest(get.id, std::move(get.operation),
                        GiveStore(&v1::StoreResponse::get_many, std::move(done), read));
}

Result<std::uint64_t> Store::Scan(const ScanOptions& options,
                                  std::function<void(const Row&)> row) const {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    ScanAsync(options, std::move(row), std::move(done));
  });
}

void Store::ScanAsync(const ScanOptions& options, std::function<void(const Row&)> row,
                      Done<std::uint64_t> done) const {
  StoreOperation operation(*session_);
  v1::StoreRequest& request = operation.request();
  request.set_filter_handle(options.filter_handle);
  request.set_projection_handle(options.projection_handle);
  request.set_snapshot_handle(snapshot_);
  v1::ScanRequest& scan = *request.mutable_scan();
  scan.set_keyspace(keyspace_);
  scan.set_start(options.start);
  scan.set_end(options.end);
  scan.set_prefix(options.prefix);
  scan.set_start_after(options.start_after);
  scan.set_reverse(options.reverse);
  scan.set_keys_only(options.keys_only);
  scan.set_limit(options.limit);
  scan.set_filter_name(options.filter_name);
  scan.set_projection_name(options.projection_name);
  const auto read = [](const v1::ScanEnd& end) { return std::uint64_t{end.revision()}; };
  session_->SendRequest(operation.id, std::move(operation.operation),
                        GiveStore(&v1::StoreResponse::scan, std::move(done), read), std::move(row));
}

Result<std::uint64_t> Store::Count(KeyRange range) const {
  return Await<Result<std::uint64_t>>(
      *session_, [&](Done<std::uint64_t> done) { CountAsync(std::move(range), std::move(done)); });
}

void Store::CountAsync(KeyRange range, Done<std::uint64_t> done) const {
  StoreOperation count(*session_);
  count.request().set_snapshot_handle(snapshot_);
  count.request().mutable_count()->set_keyspace(keyspace_);
  *count.request().mutable_count()->mutable_range() = ToWire(std::move(range));
  const auto read = [](const v1::CountResponse& response) {
    return std::uint64_t{response.count()};
  };
  session_->SendRequest(count.id, std::move(count.operation),
                        GiveStore(&v1::StoreResponse::count, std::move(done), read));
}

Result<SizeEstimate> Store::Estimate(KeyRange range) const {
  return Await<Result<SizeEstimate>>(*session_, [&](Done<SizeEstimate> done) {
    StoreOperation estimate(*session_);
    estimate.request().set_snapshot_handle(snapshot_);
    estimate.request().mutable_estimate()->set_keyspace(keyspace_);
    *estimate.request().mutable_estimate()->mutable_range() = ToWire(std::move(range));
    const auto read = [](const v1::EstimateResponse& response) {
      return SizeEstimate{response.keys(), response.size_bytes()};
    };
    session_->SendRequest(estimate.id, std::move(estimate.operation),
                          GiveStore(&v1::StoreResponse::estimate, std::move(done), read));
  });
}

Result<Handle> Store::AttachWatch(std::uint64_t callback, WatchOptions options) const {
  return Await<Result<Handle>>(*session_, [&](Done<Handle> done) {
    AttachWatchAsync(callback, std::move(options), std::move(done));
  });
}

void Store::AttachWatchAsync(std::uint64_t callback, WatchOptions options,
                             Done<Handle> done) const {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::AttachWatch& request = *operation->mutable_attach_watch();
  request.set_request_id(id);
  request.set_handle(callback);
  request.set_keyspace(keyspace_);
  request.set_prefix(std::move(options.range.prefix));
  request.set_start(std::move(options.range.start));
  request.set_end(std::move(options.range.end));
  request.set_from_revision(options.from_revision);
  request.set_old_values(options.old_values);
  request.set_state_first(options.state_first);
  request.set_name(std::move(options.name));
  request.set_lag_limit(options.lag_limit);
  session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
}

Status Store::ForgetWatch(std::string name) const {
  return Await<Status>(*session_, [&](Client::DoneStatus done) {
    const std::uint64_t id = session_->NextId();
    auto operation = std::make_unique<v1::ClientOperation>();
    v1::ForgetWatch& request = *operation->mutable_forget_watch();
    request.set_request_id(id);
    request.set_keyspace(keyspace_);
    request.set_name(std::move(name));
    session_->SendRequest(id, std::move(operation), GiveStatus(std::move(done)));
  });
}

Result<Handle> Store::AttachValidator(std::uint64_t callback, ValidatorOptions options) const {
  return Await<Result<Handle>>(*session_, [&](Done<Handle> done) {
    AttachValidatorAsync(callback, std::move(options), std::move(done));
  });
}

void Store::AttachValidatorAsync(std::uint64_t callback, ValidatorOptions options,
                                 Done<Handle> done) const {
  const std::uint64_t id = session_->NextId();
  auto operation = std::make_unique<v1::ClientOperation>();
  v1::AttachValidator& request = *operation->mutable_attach_validator();
  request.set_request_id(id);
  request.set_handle(callback);
  request.set_keyspace(keyspace_);
  request.set_prefix(std::move(options.prefix));
  request.set_timeout_ms(options.timeout_ms);
  request.set_priority(options.priority);
  request.set_old_values(options.old_values);
  request.set_fail_open(options.fail_open);
  session_->SendRequest(id, std::move(operation), GiveHandle(session_, std::move(done)));
}

}  // namespace belay::client
