#include "broker/daemon/access_control.h"

#include <utility>

#include "broker/access/policy_file.h"
#include "broker/access/trusted_file.h"
#include "broker/daemon/peer.h"

namespace belay::daemon {

using access::Identity;
using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kScheme = "Bearer ";

Status Unauthenticated(std::string what, std::string_view reason) {
  return Status(Code::kUnauthenticated, std::move(what), reason);
}

Result<Identity> Authenticate(const access::Tokens* tokens, std::string_view authorization) {
  if (tokens == nullptr) {
    return Unauthenticated(
        "a token was brought, and this broker knows none: give it a file of them by --tokens, or "
        "leave the token out",
        "NO_TOKENS");
  }
  if (!authorization.starts_with(kScheme))
    return Unauthenticated("authorization must be \"Bearer TOKEN\"", "BAD_AUTHORIZATION");
  const std::string* const name = tokens->Find(authorization.substr(kScheme.size()));
  if (name == nullptr) {
    return Unauthenticated(
        "the token is none of this broker's: have one made by belayctl token new, and its line "
        "put into the broker's token file",
        "UNKNOWN_TOKEN");
  }
  return Identity{Identity::Kind::kToken, *name};
}

}  // namespace

Status AccessControl::ReadTokens(State* state) const {
  if (files_.tokens.empty()) return {};
  const auto text = access::ReadTrustedFile(files_.tokens);
  if (!text.ok()) return text.status();
  auto tokens = access::Tokens::Parse(*text, files_.tokens);
  if (!tokens.ok()) return tokens.status();
  state->tokens = std::make_shared<const access::Tokens>(std::move(*tokens));
  return {};
}

Status AccessControl::ReadPolicy(State* state) const {
  if (files_.policy.empty()) return {};
  const auto text = access::ReadTrustedFile(files_.policy);
  if (!text.ok()) return text.status();
  auto policy = access::ParsePolicy(*text, files_.policy, access::FindUser);
  if (!policy.ok()) return policy.status();
  state->policy = std::make_shared<const access::Policy>(std::move(*policy));
  return {};
}

Result<std::unique_ptr<AccessControl>> AccessControl::Load(AccessFiles files) {
  std::unique_ptr<AccessControl> control(new AccessControl(std::move(files)));
  control->tokens_stamp_ = StampOf(control->files_.tokens);
  control->policy_stamp_ = StampOf(control->files_.policy);
  if (Status status = control->ReadTokens(&control->state_); !status.ok()) return status;
  if (Status status = control->ReadPolicy(&control->state_); !status.ok()) return status;
  return control;
}

std::vector<Reloaded> AccessControl::Reload(Reread reread) {
  const std::lock_guard reload_lock(reload_mutex_);
  State next = state();
  std::vector<Reloaded> reloaded;
  const auto read = [&](const std::string& file, FileStamp& stamp,
                        Status (AccessControl::*method)(State*) const) {
    const FileStamp now = StampOf(file);
    if (file.empty() || (reread == Reread::kIfChanged && now == stamp)) return;
    stamp = now;
    reloaded.push_back({file, (this->*method)(&next)});
  };
  read(files_.tokens, tokens_stamp_, &AccessControl::ReadTokens);
  read(files_.policy, policy_stamp_, &AccessControl::ReadPolicy);
  const std::lock_guard lock(mutex_);
  state_ = std::move(next);
  return reloaded;
}

Result<Caller> AccessControl::Admit(std::string_view peer,
                                    std::optional<std::string_view> authorization) const {
  const State now = state();
  Caller caller{std::string(peer), IdentityOf(peer)};
  if (authorization) {
    auto identity = Authenticate(now.tokens.get(), *authorization);
    if (!identity.ok()) return identity.status();
    caller.identity = std::move(*identity);
  } else if (caller.identity.kind == Identity::Kind::kAnonymous && now.tokens != nullptr) {
    return Unauthenticated(
        "this broker has to know who is there: bring a token (authorization: Bearer TOKEN), or "
        "connect by its unix socket or with a certificate",
        "TOKEN_EXPECTED");
  }
  caller.permissions = access::Permissions(now.policy, caller.identity);
  return caller;
}

std::optional<access::Permissions> AccessControl::PermissionsOf(const Identity& identity) const {
  const State now = state();
  if (identity.kind == Identity::Kind::kToken && !now.tokens->Has(identity.name)) return {};
  return access::Permissions(now.policy, identity);
}

}  // namespace belay::daemon
