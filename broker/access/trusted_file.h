// Files that decide who may do what: read only if nobody else could have written them.
//
// Thread safety: any thread. May block (disk).
#pragma once

#include <string>

#include "broker/base/status.h"

namespace belay::access {

inline constexpr std::size_t kMaxTrustedFileBytes = std::size_t{1} << 20U;

// The file's text. NOT_FOUND or PERMISSION_DENIED if it cannot be read; FAILED_PRECONDITION if it is no regular file, has
// more than kMaxTrustedFileBytes, belongs to another user but root, or group or others may write it. Each names the
// file and what to do.
base::Result<std::string> ReadTrustedFile(const std::string& path);

}  // namespace belay::access
