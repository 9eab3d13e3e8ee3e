// Which permissions a request to the store needs: its keys, as a set that a rule may cover, and the names of the
// callbacks that it has called.
//
// Reading needs store.read of every key that could be seen; writing, conditions included, store.write of every key
// named; a keyspace is made and dropped by who may write all of it. Looking after the store is the admin door's.
// Listing keyspaces and flushing need nothing.
//
// Thread safety: pure functions.
#pragma once

#include <string>

#include "broker/access/policy.h"
#include "broker/base/status.h"

namespace belay::v1 {
class AttachValidator;
class AttachWatch;
class CheckpointRequest;
class CompactRequest;
class CountRequest;
class CreateKeyspaceRequest;
class DeleteRequest;
class DropKeyspaceRequest;
class EstimateRequest;
class FlushRequest;
class ForgetWatch;
class GetManyRequest;
class GetRequest;
class GetStoreStatsRequest;
class ListKeyspacesRequest;
class MergeRequest;
class PutRequest;
class ScanRequest;
class StoreRequest;
class UpdateRequest;
class VerifyRequest;
class WriteRequest;
}  // namespace belay::v1

namespace belay::daemon {

// PERMISSION_DENIED as access::Permissions says it. Each may be asked about anything, also what is refused later for
// another reason.
base::Status CheckAccess(const access::Permissions& allowed, const v1::GetRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::GetManyRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::PutRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::DeleteRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::WriteRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::MergeRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::UpdateRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::ScanRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::CountRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::EstimateRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::FlushRequest& request);
base::Status CheckAccess(const access::Permissions& allowed,
                         const v1::CreateKeyspaceRequest& request);
base::Status CheckAccess(const access::Permissions& allowed,
                         const v1::DropKeyspaceRequest& request);
base::Status CheckAccess(const access::Permissions& allowed,
                         const v1::ListKeyspacesRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::CompactRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::CheckpointRequest& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::VerifyRequest& request);
base::Status CheckAccess(const access::Permissions& allowed,
                         const v1::GetStoreStatsRequest& request);

// Of whichever it has. A snapshot shows nothing by itself: what is read from it is asked about.
base::Status CheckAccess(const access::Permissions& allowed, const v1::StoreRequest& request);

// A watch shows keys, so it needs store.read as well as hooks.
base::Status CheckAccess(const access::Permissions& allowed, const v1::AttachWatch& request);
base::Status CheckAccess(const access::Permissions& allowed, const v1::AttachValidator& request);
// Whoever's progress it was: hooks of the whole keyspace.
base::Status CheckAccess(const access::Permissions& allowed, const v1::ForgetWatch& request);

}  // namespace belay::daemon
