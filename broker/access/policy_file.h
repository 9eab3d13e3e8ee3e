// The policy as a file, in TOML: rules in order, of which the first that is for somebody decides (policy.h).
//
//   [[rule]]
//   name        = "shop"                                # shown in denials
//   who         = ["uid:1000", "user:shop", "token:shop-*", "cert:CN=shop.example"]
//   register    = ["shop/*"]                            # names; "*" is every one, nothing is none
//   resolve     = ["*"]
//   invoke      = ["*"]
//   store.read  = ["*"]                                 # keyspaces, or keyspace:prefix
//   store.write = ["orders", "default:shop/"]
//   hooks       = ["orders"]
//   admin       = ["read"]                              # "read", "write"; the latter does not imply the former
//   [rule.budget]                                       # over all sessions of one identity
//   max_sessions = 4
//
// The fields of [rule.budget] are those of Budget. "anonymous" and "*" are in `who`, too. "user:" is a user of this
// machine, looked up as the file is read, which may ask the network.
//
// Thread safety: any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/access/policy.h"
#include "broker/base/status.h"

namespace belay::access {

// The number of a user; none if there is no such user.
using UserLookup = std::function<std::optional<std::uint32_t>(const std::string& name)>;
// The system's own. May block.
std::optional<std::uint32_t> FindUser(const std::string& name);

// INVALID_ARGUMENT names `file`, line and column, and what was expected there.
base::Result<Policy> ParsePolicy(std::string_view text, const std::string& file,
                                 const UserLookup& find_user);

// A text as `who` has it, of one identity: "uid:1000", "user:shop", "token:shop-1". INVALID_ARGUMENT for a pattern.
base::Result<Identity> ParseIdentity(const std::string& text, const UserLookup& find_user);

}  // namespace belay::access
