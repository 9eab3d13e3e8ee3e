#include "broker/access/policy.h"

#include <algorithm>
#include <array>
#include <utility>

namespace belay::access {

using base::Code;
using base::Status;

namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 8> kVerbNames = {{
    {Verb::kRegister, "register"},
    {Verb::kResolve, "resolve"},
    {Verb::kInvoke, "invoke"},
    {Verb::kRead, "store.read"},
    {Verb::kWrite, "store.write"},
    {Verb::kHook, "hooks"},
    {Verb::kView, "admin read"},
    {Verb::kAdminister, "admin write"},
}};

bool AnyMatches(const std::vector<Pattern>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const Pattern& pattern) { return pattern.Matches(text); });
}

const std::vector<Pattern>& NamesOf(const Rule& rule, Verb verb) {
  if (verb == Verb::kRegister) return rule.register_names;
  return verb == Verb::kResolve ? rule.resolve_names : rule.invoke_names;
}

const std::vector<Rule::Keys>& KeysOf(const Rule& rule, Verb verb) {
  if (verb == Verb::kRead) return rule.read_keys;
  return verb == Verb::kWrite ? rule.write_keys : rule.hook_keys;
}

// A name or key as a message shows it: cut, and without what could disturb a terminal.
std::string Quote(std::string_view text) {
  constexpr std::size_t kShownBytes = 64;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kShownBytes)) quoted += c < ' ' || c > '~' ? '?' : c;
  return quoted + (text.size() > kShownBytes ? "...\"" : "\"");
}

}  // namespace

std::string_view VerbName(Verb verb) { return kVerbNames[static_cast<std::size_t>(verb)].second; }

bool ParseVerb(std::string_view name, Verb* verb) {
  const auto* const found = std::find_if(kVerbNames.begin(), kVerbNames.end(),
                                         [&](const auto& each) { return each.second == name; });
  if (found == kVerbNames.end()) return false;
  *verb = found->first;
  return true;
}

const Rule* Policy::RuleFor(const Identity& identity) const {
  const std::string text = identity.ToText();
  const auto found = std::find_if(rules_.begin(), rules_.end(),
                                  [&](const Rule& rule) { return AnyMatches(rule.who, text); });
  return found != rules_.end() ? &*found : nullptr;
}

Permissions::Permissions(std::shared_ptr<const Policy> policy, const Identity& identity)
    : policy_(std::move(policy)), identity_(identity.ToText()) {
  if (policy_ != nullptr) rule_ = policy_->RuleFor(identity);
}

Status Permissions::Check(Verb verb, std::string_view name) const {
  if (policy_ == nullptr) return {};
  if (rule_ != nullptr && AnyMatches(NamesOf(*rule_, verb), name)) return {};
  return Denied(verb, " of " + Quote(name));
}

Status Permissions::Check(Verb verb, const KeySet& keys) const {
  if (policy_ == nullptr) return {};
  if (rule_ != nullptr) {
    const auto& allowed = KeysOf(*rule_, verb);
    if (std::any_of(allowed.begin(), allowed.end(),
                    [&](const Rule::Keys& each) { return each.Covers(keys); })) {
      return {};
    }
  }
  return Denied(verb, " of keys that begin with " + Quote(keys.prefix) + " in keyspace " +
                          Quote(keys.keyspace));
}

Status Permissions::Check(Verb verb) const {
  if (policy_ == nullptr) return {};
  if (rule_ != nullptr && (verb == Verb::kView ? rule_->may_view : rule_->may_administer))
    return {};
  return Denied(verb, "");
}

Status Permissions::Denied(Verb verb, const std::string& what) const {
  const std::string request = std::string(VerbName(verb)) + what;
  if (rule_ == nullptr) {
    return Status(Code::kPermissionDenied, request + ": no rule of the policy is for " + identity_,
                  "NO_RULE");
  }
  return Status(Code::kPermissionDenied,
                request + ": rule " + Quote(rule_->name) + " does not allow it to " + identity_,
                "POLICY");
}

const Budget& Permissions::budget() const {
  static const Budget none;
  return rule_ != nullptr ? rule_->budget : none;
}

}  // namespace belay::access
