// AccessControl: who may come in and what that lets it do, as the token file and the policy file now say.
//
// The decisions themselves are broker/access's. This keeps what the files said when they were last good, and reads
// them again: a file that is broken, as in the middle of being written, changes nothing.
//
// Who is admitted as whom: a bearer token decides if one was brought, and must be one of the file's; else a
// certificate; else the user of a unix socket; else the client is anonymous, which where there are tokens is not
// enough.
//
// Thread safety: every method may be called from any thread; Load() and the reloads may block (disk, user lookup), so
// they are not for the loop.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/access/identity.h"
#include "broker/access/policy.h"
#include "broker/access/tokens.h"
#include "broker/base/status.h"
#include "broker/daemon/file_stamp.h"

namespace belay::daemon {

// Who a session or a request is from.
struct Caller {
  std::string peer;  // where it is: see peer.h
  access::Identity identity = {};
  access::Permissions permissions = {};
};

struct AccessFiles {
  std::string tokens;  // empty: there are none
  std::string policy;  // empty: everything is allowed
};

enum class Reread : std::uint8_t { kIfChanged, kAlways };

struct Reloaded {
  std::string file;
  base::Status status;
};

class AccessControl {
 public:
  // Without files: everybody comes in, and may do everything.
  AccessControl() = default;
  // INVALID_ARGUMENT, or why a file cannot be trusted: names file, line and what was expected.
  static base::Result<std::unique_ptr<AccessControl>> Load(AccessFiles files);

  // `peer`: Peer::text, which only this process can have written. `authorization`: of the request, as it came; none if
  // it has none. UNAUTHENTICATED says what to do, and nothing of what was brought.
  base::Result<Caller> Admit(std::string_view peer,
                             std::optional<std::string_view> authorization) const;
  // As Admit() would decide now. None: the token by which it came is no longer one.
  std::optional<access::Permissions> PermissionsOf(const access::Identity& identity) const;

  // Each file that was read, and whether it is in force now or why not.
  std::vector<Reloaded> Reload(Reread reread);

 private:
  // What the files say; replaced as a whole.
  struct State {
    std::shared_ptr<const access::Tokens> tokens;  // null: there is no such file
    std::shared_ptr<const access::Policy> policy;
  };

  explicit AccessControl(AccessFiles files) : files_(std::move(files)) {}
  base::Status ReadTokens(State* state) const;
  base::Status ReadPolicy(State* state) const;
  State state() const {
    const std::lock_guard lock(mutex_);
    return state_;
  }

  const AccessFiles files_;
  std::mutex reload_mutex_;  // of those who read files; before mutex_
  FileStamp tokens_stamp_;   // guarded by reload_mutex_, as the next
  FileStamp policy_stamp_;
  mutable std::mutex mutex_;
  State state_;  // guarded by mutex_
};

}  // namespace belay::daemon
