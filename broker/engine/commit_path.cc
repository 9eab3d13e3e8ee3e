#include "broker/engine/commit_path.h"

#include <string>

#include "broker/engine/merges.h"
#include "broker/engine/validators.h"

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;

Result<storage::CommitResult> CommitWrite(Broker& broker, const Validators& validators,
                                          const storage::WriteBatch& batch) {
  const auto store = broker.store();
  if (!store.ok()) return store.status();
  const bool has_merges = HasMerges(batch);
  if (!has_merges && !validators.any()) return (*store)->Commit(batch);
  if (!has_merges) {
    if (Status status = storage::ValidateBatch(batch); !status.ok()) return status;
  }
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    storage::WriteBatch decided = batch;
    if (has_merges) {
      if (Status status = ResolveMerges(broker, &decided); !status.ok()) return status;
    }
    if (Status status = validators.Review(**store, &decided); !status.ok()) return status;
    auto committed = (*store)->Commit(decided);
    if (committed.ok() || committed.status().reason() != "CHANGED_MEANWHILE") return committed;
  }
  return Status(Code::kAborted,
                "keys of the batch changed under each of " + std::to_string(kMostAttempts) +
                    " attempts to commit what was decided by them",
                "TOO_MANY_CONFLICTS");
}

}  // namespace belay::engine
