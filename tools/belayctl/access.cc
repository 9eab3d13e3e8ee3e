// Tokens and policies, by the code that belayd decides with. No broker is asked.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "broker/access/policy_file.h"
#include "broker/access/tokens.h"
#include "broker/access/trusted_file.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

base::Status Decide(const access::Permissions& permissions, access::Verb verb,
                    const std::string& name) {
  using access::Verb;
  switch (verb) {
    case Verb::kRegister:
    case Verb::kResolve:
    case Verb::kInvoke: return permissions.Check(verb, name);
    case Verb::kRead:
    case Verb::kWrite:
    case Verb::kHook: {
      const std::string keyspace = name.substr(0, name.find(':'));
      const std::string prefix = name.substr(std::min(keyspace.size() + 1, name.size()));
      return permissions.Check(verb, access::KeySet{keyspace, prefix});
    }
    case Verb::kView:
    case Verb::kAdminister: break;
  }
  return permissions.Check(verb);
}

int Tell(const Context& context, std::string_view rule, const base::Status& status) {
  if (context.IsTable()) {
    Context::PrintLine(status.ok() ? fmt::format("allowed by rule \"{}\"", Escape(rule))
                                   : fmt::format("denied: {}", Escape(status.message())));
  } else {
    Context::PrintLine(fmt::format("{{\"allowed\":{},\"rule\":{}}}", status.ok(),
                                   rule.empty() ? "null" : JsonString(rule)));
  }
  return status.ok() ? kExitOk : kExitNegative;
}

}  // namespace

int RunTokenNew(const Context& context, const std::string& name) {
  if (const base::Status status = access::ValidateTokenName(name); !status.ok())
    return Context::Usage(status.message());
  const std::string token = access::MakeToken();
  const std::string line = access::TokenLine(name, token);
  if (context.IsTable()) {
    fmt::print(
        stderr,
        "The token, which is shown this once, goes to the client; the line below it into the "
        "broker's token file.\n");
    Context::PrintLine(token);
    Context::PrintLine(line);
  } else {
    Context::PrintLine(fmt::format("{{\"name\":{},\"token\":{},\"line\":{}}}", JsonString(name),
                                   JsonString(token), JsonString(line)));
  }
  return kExitOk;
}

int RunPolicyCheck(const Context& context, const PolicyCheckOptions& options) {
  const auto text = access::ReadTrustedFile(options.file);
  if (!text.ok()) return Context::Usage(text.status().message());
  auto policy = access::ParsePolicy(*text, options.file, access::FindUser);
  if (!policy.ok()) return Context::Usage(policy.status().message());
  if (options.who.empty()) {
    Context::PrintLine(context.IsTable() ? fmt::format("{} rules", policy->size())
                                         : fmt::format("{{\"rules\":{}}}", policy->size()));
    return kExitOk;
  }
  const auto identity = access::ParseIdentity(options.who, access::FindUser);
  if (!identity.ok()) return Context::Usage("--who " + identity.status().message());
  access::Verb verb{};
  if (!access::ParseVerb(options.verb, &verb))
    return Context::Usage(
        fmt::format("--verb \"{}\": see belayctl policy check --help", Escape(options.verb)));
  const access::Permissions permissions(std::make_shared<const access::Policy>(std::move(*policy)),
                                        *identity);
  return Tell(context, permissions.rule(), Decide(permissions, verb, options.name));
}

}  // namespace belay::ctl
