// Writes of a keyspace: single ones, batches, updates.
#include <utility>

#include "belay/client/store.h"
#include "clients/cpp/src/store_request.h"

namespace belay::client {
namespace {

v1::Durability ToDurability(bool async) {
  return async ? v1::DURABILITY_ASYNC : v1::DURABILITY_SYNC;
}

// Deletes have no if_absent.
template <typename Message>
void SetKey(std::string key, const WriteOptions& options, Message* message) {
  message->set_key(std::move(key));
  if constexpr (requires { message->set_if_absent(true); })
    message->set_if_absent(options.if_absent);
  message->set_if_revision(options.if_revision);
  if (options.if_value) message->set_if_value(*options.if_value);
}

template <typename Message>
void SetPut(std::string key, std::string value, const WriteOptions& options, Message* message) {
  SetKey(std::move(key), options, message);
  message->set_value(std::move(value));
  message->set_ttl_ms(options.ttl_ms);
}

template <typename Message>
void SetMerge(std::string key, std::string operator_name, std::string operand,
              const WriteOptions& options, Message* message) {
  message->set_key(std::move(key));
  message->set_operator_name(std::move(operator_name));
  message->set_operand(std::move(operand));
  message->set_ttl_ms(options.ttl_ms);
}

void SetOperation(Batch::Operation operation, v1::WriteOperation* wire) {
  switch (operation.kind) {
    case Batch::Kind::kPut:
      return SetPut(std::move(operation.key), std::move(operation.value), operation.options,
                    wire->mutable_put());
    case Batch::Kind::kDelete:
      return SetKey(std::move(operation.key), operation.options, wire->mutable_delete_());
    case Batch::Kind::kCheck:
      return SetKey(std::move(operation.key), operation.options, wire->mutable_check());
    case Batch::Kind::kMerge:
      return SetMerge(std::move(operation.key), std::move(operation.operator_name),
                      std::move(operation.value), operation.options, wire->mutable_merge());
    case Batch::Kind::kDeleteRange: {
      v1::KeyRange& range = *wire->mutable_delete_range();
      range.set_start(std::move(operation.range.start));
      range.set_end(std::move(operation.range.end));
      range.set_prefix(std::move(operation.range.prefix));
      return;
    }
  }
}

template <typename Response>
std::uint64_t RevisionOf(const Response& response) {
  return response.revision();
}

}  // namespace

Batch& Batch::Put(std::string key, std::string value, WriteOptions options) {
  operations.push_back({Kind::kPut, std::move(key), std::move(value), std::move(options), {}});
  return *this;
}

Batch& Batch::Delete(std::string key, WriteOptions options) {
  operations.push_back({Kind::kDelete, std::move(key), {}, std::move(options), {}});
  return *this;
}

Batch& Batch::DeleteRange(KeyRange range) {
  operations.push_back({Kind::kDeleteRange, {}, {}, {}, std::move(range)});
  return *this;
}

Batch& Batch::Check(std::string key, WriteOptions condition) {
  operations.push_back({Kind::kCheck, std::move(key), {}, std::move(condition), {}});
  return *this;
}

Batch& Batch::Merge(std::string key, std::string operator_name, std::string operand,
                    WriteOptions options) {
  operations.push_back({Kind::kMerge,
                        std::move(key),
                        std::move(operand),
                        std::move(options),
                        {},
                        std::move(operator_name)});
  return *this;
}

Result<std::uint64_t> Store::Put(std::string key, std::string value, WriteOptions options) const {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    PutAsync(std::move(key), std::move(value), std::move(options), std::move(done));
  });
}

void Store::PutAsync(std::string key, std::string value, WriteOptions options,
                     Done<std::uint64_t> done) const {
  StoreOperation put(*session_);
  put.request().set_snapshot_handle(snapshot_);
  v1::PutRequest& request = *put.request().mutable_put();
  SetPut(std::move(key), std::move(value), options, &request);
  request.set_keyspace(keyspace_);
  request.set_durability(ToDurability(options.async));
  session_->SendRequest(
      put.id, std::move(put.operation),
      GiveStore(&v1::StoreResponse::put, std::move(done), &RevisionOf<v1::PutResponse>));
}

Result<std::uint64_t> Store::Delete(std::string key, WriteOptions options) const {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    DeleteAsync(std::move(key), std::move(options), std::move(done));
  });
}

void Store::DeleteAsync(std::string key, WriteOptions options, Done<std::uint64_t> done) const {
  StoreOperation remove(*session_);
  remove.request().set_snapshot_handle(snapshot_);
  v1::DeleteRequest& request = *remove.request().mutable_delete_();
  SetKey(std::move(key), options, &request);
  request.set_keyspace(keyspace_);
  request.set_durability(ToDurability(options.async));
  session_->SendRequest(
      remove.id, std::move(remove.operation),
      GiveStore(&v1::StoreResponse::delete_, std::move(done), &RevisionOf<v1::DeleteResponse>));
}

Result<Written> Store::Write(Batch batch) const {
  return Await<Result<Written>>(
      *session_, [&](Done<Written> done) { WriteAsync(std::move(batch), std::move(done)); });
}

void Store::WriteAsync(Batch batch, Done<Written> done) const {
  StoreOperation write(*session_);
  write.request().set_snapshot_handle(snapshot_);
  v1::WriteRequest& request = *write.request().mutable_write();
  request.set_keyspace(keyspace_);
  request.set_durability(ToDurability(batch.async));
  for (Batch::Operation& operation : batch.operations)
    SetOperation(std::move(operation), request.add_operations());
  const auto read = [](const v1::WriteResponse& response) {
    return Written{response.revision(), response.deleted_count()};
  };
  session_->SendRequest(write.id, std::move(write.operation),
                        GiveStore(&v1::StoreResponse::write, std::move(done), read));
}

Result<std::uint64_t> Store::Merge(std::string key, std::string operator_name, std::string operand,
                                   WriteOptions options) const {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    MergeAsync(std::move(key), std::move(operator_name), std::move(operand), std::move(options),
               std::move(done));
  });
}

void Store::MergeAsync(std::string key, std::string operator_name, std::string operand,
                       WriteOptions options, Done<std::uint64_t> done) const {
  StoreOperation merge(*session_);
  merge.request().set_snapshot_handle(snapshot_);
  v1::MergeRequest& request = *merge.request().mutable_merge();
  SetMerge(std::move(key), std::move(operator_name), std::move(operand), options, &request);
  request.set_keyspace(keyspace_);
  request.set_durability(ToDurability(options.async));
  session_->SendRequest(
      merge.id, std::move(merge.operation),
      GiveStore(&v1::StoreResponse::merge, std::move(done), &RevisionOf<v1::MergeResponse>));
}

Result<std::uint64_t> Store::Update(std::string key, std::uint64_t callback,
                                    UpdateOptions options) const {
  return Await<Result<std::uint64_t>>(*session_, [&](Done<std::uint64_t> done) {
    UpdateAsync(std::move(key), callback, options, std::move(done));
  });
}

void Store::UpdateAsync(std::string key, std::uint64_t callback, UpdateOptions options,
                        Done<std::uint64_t> done) const {
  StoreOperation update(*session_);
  update.request().set_snapshot_handle(snapshot_);
  update.request().set_callback_handle(callback);
  v1::UpdateRequest& request = *update.request().mutable_update();
  request.set_key(std::move(key));
  request.set_keyspace(keyspace_);
  request.set_durability(ToDurability(options.async));
  request.set_timeout_ms(options.timeout_ms);
  session_->SendRequest(
      update.id, std::move(update.operation),
      GiveStore(&v1::StoreResponse::update, std::move(done), &RevisionOf<v1::UpdateResponse>));
}

}  // namespace belay::client
