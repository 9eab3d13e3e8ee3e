// Policy: which identity may do what. A pure decision: a list of rules, and what the first that is for somebody says.
//
// One rule decides about one identity, the first whose `who` matches it; what that rule does not allow is denied, and so
// is everything to whom no rule is for. So an identity's permissions are known when it connects, in one look at the
// list, and a denial can name its rule.
//
// Thread safety: values; what is const may be called from any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/access/identity.h"
#include "broker/access/pattern.h"
#include "broker/base/status.h"

namespace belay::access {

enum class Verb : std::uint8_t {
  // Of public names.
  kRegister,  // publish a callback under it
  kResolve,   // get a handle to the callback that has it
  kInvoke,  // have the callback called: with a handle that was resolved, by a unary call, by a hook of the store
  // Of keys.
  kRead,
  kWrite,
  kHook,  // attach a watch or a validator to them
  // Of the admin door, and of the care of the store.
  kView,
  kAdminister,
};

// "register", "admin write": in policies' errors, in denials and in `belayctl policy check`.
std::string_view VerbName(Verb verb);
// What VerbName() gives; false if it is none.
bool ParseVerb(std::string_view name, Verb* verb);

// The keys of a keyspace that begin with `prefix`, and only those. As a request's: all that it may touch lie in it.
struct KeySet {
  std::string_view keyspace;
  std::string_view prefix;
};

// What one identity may use, over all its sessions; 0: no bound of its own.
struct Budget {
  bool operator==(const Budget&) const = default;
  std::uint64_t max_sessions = 0;
  std::uint64_t max_callbacks = 0;        // registered, until their contexts are released
  std::uint64_t max_handles = 0;          // of all kinds, callbacks included
  std::uint64_t max_calls_in_flight = 0;  // that it waits for, as a caller
  std::uint64_t max_queued_bytes = 0;     // of the payloads of those calls
  std::uint64_t calls_per_second = 0;     // begun, over any second; a burst may have as many
};

struct Rule {
  struct Keys {
    Pattern keyspace;
    std::string prefix;
    bool Covers(const KeySet& keys) const {
      return keyspace.Matches(keys.keyspace) && keys.prefix.starts_with(prefix);
    }
  };

  std::string name;
  std::vector<Pattern> who;  // of Identity::ToText()
  std::vector<Pattern> register_names;
  std::vector<Pattern> resolve_names;
  std::vector<Pattern> invoke_names;
  std::vector<Keys> read_keys;
  std::vector<Keys> write_keys;
  std::vector<Keys> hook_keys;
  bool may_view = false;
  bool may_administer = false;
  Budget budget;
};

class Policy {
 public:
  explicit Policy(std::vector<Rule> rules) : rules_(std::move(rules)) {}
  // Null: no rule is for it.
  const Rule* RuleFor(const Identity& identity) const;
  std::size_t size() const { return rules_.size(); }

 private:
  std::vector<Rule> rules_;
};

// What one identity may do, as its policy was when this was made.
class Permissions {
 public:
  // Without a policy everybody who may connect may do everything.
  Permissions() = default;
  Permissions(std::shared_ptr<const Policy> policy, const Identity& identity);

  // PERMISSION_DENIED names who, what and the rule; reason POLICY, or NO_RULE if none is for the identity.
  // Each takes the verbs of its kind.
  base::Status Check(Verb verb, std::string_view name) const;
  base::Status Check(Verb verb, const KeySet& keys) const;
  base::Status Check(Verb verb) const;

  const Budget& budget() const;
  // The rule that decides; empty if no rule does.
  std::string_view rule() const { return rule_ != nullptr ? rule_->name : std::string_view(); }
  bool is_by_policy() const { return policy_ != nullptr; }

 private:
  base::Status Denied(Verb verb, const std::string& what) const;

  std::shared_ptr<const Policy> policy_;  // null: there is none
  const Rule* rule_ = nullptr;            // of the policy's; null: none is for the identity
  std::string identity_;
};

}  // namespace belay::access
