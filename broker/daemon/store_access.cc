#include "broker/daemon/store_access.h"

#include <algorithm>
#include <string_view>

#include "belay/v1/session.pb.h"
#include "belay/v1/storage.pb.h"
#include "broker/engine/merge_operators.h"
#include "broker/storage/keyspace.h"
#include "broker/storage/reading.h"

namespace belay::daemon {

using access::KeySet;
using access::Permissions;
using access::Verb;
using base::Status;

namespace {

std::string_view NameOf(const std::string& keyspace) {
  return keyspace.empty() ? std::string_view(storage::kDefaultKeyspaceName) : keyspace;
}

// The longest prefix of which every key in [start, end) is known to have it. Where the two part it may still be the
// whole range of a prefix, whose end is the next one.
std::string_view CommonPrefix(std::string_view start, std::string_view end) {
  if (end.empty()) return {};
  const auto parted = std::mismatch(start.begin(), start.end(), end.begin(), end.end()).first;
  const auto common = static_cast<std::size_t>(parted - start.begin());
  const std::string_view longer = start.substr(0, common + 1);
  return storage::PrefixEnd(longer) == end ? longer : start.substr(0, common);
}

// Of any message with a start, an end and a prefix.
template <typename Message>
KeySet KeysOf(const std::string& keyspace, const Message& range) {
  if (!range.prefix().empty()) return {NameOf(keyspace), range.prefix()};
  return {NameOf(keyspace), CommonPrefix(range.start(), range.end())};
}

Status CheckKey(const Permissions& allowed, Verb verb, const std::string& keyspace,
                const std::string& key) {
  return allowed.Check(verb, KeySet{NameOf(keyspace), key});
}

// Of a callback by its public name; empty: none is asked.
Status CheckCallback(const Permissions& allowed, const std::string& name) {
  return name.empty() ? Status() : allowed.Check(Verb::kInvoke, name);
}

Status CheckMerge(const Permissions& allowed, const std::string& operator_name) {
  if (engine::FindMergeOperator(operator_name) != nullptr) return {};
  return CheckCallback(allowed, operator_name);
}

Status CheckOperation(const Permissions& allowed, const std::string& keyspace,
                      const v1::WriteOperation& operation) {
  switch (operation.operation_case()) {
    case v1::WriteOperation::kPut:
      return CheckKey(allowed, Verb::kWrite, keyspace, operation.put().key());
    case v1::WriteOperation::kDelete:
      return CheckKey(allowed, Verb::kWrite, keyspace, operation.delete_().key());
    case v1::WriteOperation::kDeleteRange:
      return allowed.Check(Verb::kWrite, KeysOf(keyspace, operation.delete_range()));
    case v1::WriteOperation::kCheck:
      return CheckKey(allowed, Verb::kWrite, keyspace, operation.check().key());
    case v1::WriteOperation::kMerge:
      if (Status status = CheckMerge(allowed, operation.merge().operator_name()); !status.ok())
        return status;
      return CheckKey(allowed, Verb::kWrite, keyspace, operation.merge().key());
    case v1::WriteOperation::OPERATION_NOT_SET: break;
  }
  return {};
}

}  // namespace

Status CheckAccess(const Permissions& allowed, const v1::GetRequest& request) {
  return CheckKey(allowed, Verb::kRead, request.keyspace(), request.key());
}

Status CheckAccess(const Permissions& allowed, const v1::GetManyRequest& request) {
  for (const std::string& key : request.keys()) {
    if (Status status = CheckKey(allowed, Verb::kRead, request.keyspace(), key); !status.ok())
      return status;
  }
  return {};
}

Status CheckAccess(const Permissions& allowed, const v1::PutRequest& request) {
  return CheckKey(allowed, Verb::kWrite, request.keyspace(), request.key());
}

Status CheckAccess(const Permissions& allowed, const v1::DeleteRequest& request) {
  return CheckKey(allowed, Verb::kWrite, request.keyspace(), request.key());
}

Status CheckAccess(const Permissions& allowed, const v1::WriteRequest& request) {
  for (const v1::WriteOperation& operation : request.operations()) {
    if (Status status = CheckOperation(allowed, request.keyspace(), operation); !status.ok())
      return status;
  }
  return {};
}

Status CheckAccess(const Permissions& allowed, const v1::MergeRequest& request) {
  if (Status status = CheckMerge(allowed, request.operator_name()); !status.ok()) return status;
  return CheckKey(allowed, Verb::kWrite, request.keyspace(), request.key());
}

Status CheckAccess(const Permissions& allowed, const v1::UpdateRequest& request) {
  if (Status status = CheckCallback(allowed, request.callback_name()); !status.ok()) return status;
  return CheckKey(allowed, Verb::kWrite, request.keyspace(), request.key());
}

Status CheckAccess(const Permissions& allowed, const v1::ScanRequest& request) {
  for (const Status& status : {CheckCallback(allowed, request.filter_name()),
                               CheckCallback(allowed, request.projection_name())}) {
    if (!status.ok()) return status;
  }
  return allowed.Check(Verb::kRead, KeysOf(request.keyspace(), request));
}

Status CheckAccess(const Permissions& allowed, const v1::CountRequest& request) {
  return allowed.Check(Verb::kRead, KeysOf(request.keyspace(), request.range()));
}

Status CheckAccess(const Permissions& allowed, const v1::EstimateRequest& request) {
  return allowed.Check(Verb::kRead, KeysOf(request.keyspace(), request.range()));
}

Status CheckAccess(const Permissions&, const v1::FlushRequest&) { return {}; }

Status CheckAccess(const Permissions& allowed, const v1::CreateKeyspaceRequest& request) {
  return allowed.Check(Verb::kWrite, KeySet{NameOf(request.keyspace()), {}});
}

Status CheckAccess(const Permissions& allowed, const v1::DropKeyspaceRequest& request) {
  return allowed.Check(Verb::kWrite, KeySet{NameOf(request.keyspace()), {}});
}

Status CheckAccess(const Permissions&, const v1::ListKeyspacesRequest&) { return {}; }

Status CheckAccess(const Permissions& allowed, const v1::CompactRequest&) {
  return allowed.Check(Verb::kAdminister);
}

Status CheckAccess(const Permissions& allowed, const v1::CheckpointRequest&) {
  return allowed.Check(Verb::kAdminister);
}

Status CheckAccess(const Permissions& allowed, const v1::VerifyRequest&) {
  return allowed.Check(Verb::kView);
}

Status CheckAccess(const Permissions& allowed, const v1::GetStoreStatsRequest&) {
  return allowed.Check(Verb::kView);
}

Status CheckAccess(const Permissions& allowed, const v1::StoreRequest& request) {
  using Request = v1::StoreRequest;
  switch (request.request_case()) {
    case Request::kGet: return CheckAccess(allowed, request.get());
    case Request::kPut: return CheckAccess(allowed, request.put());
    case Request::kDelete: return CheckAccess(allowed, request.delete_());
    case Request::kScan: return CheckAccess(allowed, request.scan());
    case Request::kGetMany: return CheckAccess(allowed, request.get_many());
    case Request::kWrite: return CheckAccess(allowed, request.write());
    case Request::kUpdate: return CheckAccess(allowed, request.update());
    case Request::kCount: return CheckAccess(allowed, request.count());
    case Request::kEstimate: return CheckAccess(allowed, request.estimate());
    case Request::kCreateKeyspace: return CheckAccess(allowed, request.create_keyspace());
    case Request::kDropKeyspace: return CheckAccess(allowed, request.drop_keyspace());
    case Request::kMerge: return CheckAccess(allowed, request.merge());
    case Request::kFlush:
    case Request::kSnapshot:
    case Request::kListKeyspaces:
    case Request::REQUEST_NOT_SET: break;
  }
  return {};
}

Status CheckAccess(const Permissions& allowed, const v1::AttachWatch& request) {
  const KeySet keys = KeysOf(request.keyspace(), request);
  if (Status status = allowed.Check(Verb::kHook, keys); !status.ok()) return status;
  return allowed.Check(Verb::kRead, keys);
}

Status CheckAccess(const Permissions& allowed, const v1::AttachValidator& request) {
  return allowed.Check(Verb::kHook, KeySet{NameOf(request.keyspace()), request.prefix()});
}

Status CheckAccess(const Permissions& allowed, const v1::ForgetWatch& request) {
  return allowed.Check(Verb::kHook, KeySet{NameOf(request.keyspace()), {}});
}

}  // namespace belay::daemon
