// The store's reads between the wire's form and the store's: for sessions and for the Storage service
// alike. Writes are in write_wire.h, the care of the store in upkeep_wire.h.
//
// Thread safety: every function may be called from any thread, and may block.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "broker/base/status.h"
#include "broker/engine/broker.h"
#include "broker/storage/store.h"

namespace belay::v1 {
class CountRequest;
class CountResponse;
class EstimateRequest;
class EstimateResponse;
class GetManyRequest;
class GetManyResponse;
class GetRequest;
class GetResponse;
class KeyRange;
class ScanRequest;
}  // namespace belay::v1

namespace belay::daemon {

// What reads look at; null: the store as it is now.
using SnapshotPointer = std::shared_ptr<const storage::Snapshot>;

// The keyspace that a client names; empty: the default one. NOT_FOUND with reason NO_KEYSPACE;
// PERMISSION_DENIED for the broker's own.
base::Result<storage::KeyspaceId> FindKeyspace(engine::Broker& broker, const std::string& name);

// REQUIRES for all below: the broker has a store. Each Run... returns the operation's status, which it
// has also written to the response.
base::Status RunGet(engine::Broker& broker, const SnapshotPointer& snapshot,
                    const v1::GetRequest& request, v1::GetResponse* response);
// RESOURCE_EXHAUSTED with reason ANSWER_TOO_LARGE for more than `max_bytes` of records.
base::Status RunGetMany(engine::Broker& broker, const SnapshotPointer& snapshot,
                        const v1::GetManyRequest& request, std::size_t max_bytes,
                        v1::GetManyResponse* response);
base::Status RunCount(engine::Broker& broker, const SnapshotPointer& snapshot,
                      const v1::CountRequest& request, v1::CountResponse* response);
base::Status RunEstimate(engine::Broker& broker, const v1::EstimateRequest& request,
                         v1::EstimateResponse* response);

// INVALID_ARGUMENT for a prefix together with a range.
base::Result<storage::ScanOptions> ToScanOptions(engine::Broker& broker,
                                                 const SnapshotPointer& snapshot,
                                                 const v1::ScanRequest& request);

struct Range {
  std::string start;
  std::string end;  // empty: no bound
};
// Of any message with a start, an end and a prefix. INVALID_ARGUMENT for a prefix together with one of the others.
template <typename Message>
base::Result<Range> ToRange(const Message& message) {
  if (message.prefix().empty()) return Range{message.start(), message.end()};
  if (!message.start().empty() || !message.end().empty()) {
    return base::Status(base::Code::kInvalidArgument, "prefix excludes start and end");
  }
  return Range{message.prefix(), storage::PrefixEnd(message.prefix())};
}

}  // namespace belay::daemon
