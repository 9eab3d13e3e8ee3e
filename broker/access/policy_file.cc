#include "broker/access/policy_file.h"

#include <pwd.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace belay::access {

using base::Code;
using base::Result;
using base::Status;

namespace {

constexpr std::size_t kMaxRules = 1'000;

constexpr std::string_view kUser = "user:";
constexpr std::string_view kUid = "uid:";
constexpr std::string_view kCertificate = "cert:CN=";
constexpr std::string_view kToken = "token:";
constexpr std::string_view kAnonymous = "anonymous";
constexpr const char* kWhoIsExpected =
    "expected uid:NUMBER, user:NAME, cert:CN=NAME, token:NAME, anonymous or *";

struct BudgetField {
  std::string_view name;
  std::uint64_t Budget::*field;
};
constexpr std::array kBudgetFields = {
    BudgetField{"max_sessions", &Budget::max_sessions},
    BudgetField{"max_callbacks", &Budget::max_callbacks},
    BudgetField{"max_handles", &Budget::max_handles},
    BudgetField{"max_calls_in_flight", &Budget::max_calls_in_flight},
    BudgetField{"max_queued_bytes", &Budget::max_queued_bytes},
    BudgetField{"calls_per_second", &Budget::calls_per_second},
};

Status Invalid(std::string what) { return Status(Code::kInvalidArgument, std::move(what)); }

// "user:NAME" as "uid:NUMBER"; anything else as it is.
Result<std::string> WithoutUserName(const std::string& text, const UserLookup& find_user) {
  if (!text.starts_with(kUser)) return text;
  const std::string name = text.substr(kUser.size());
  const auto number = find_user(name);
  if (!number) return Invalid("there is no user \"" + name + "\" on this machine");
  return std::string(kUid) + std::to_string(*number);
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// What is found wrong is thrown as a Status, within this file only: parsing is a recursion whose every step may fail.
class Reader {
 public:
  Reader(const std::string& file, const UserLookup& find_user)
      : file_(file), find_user_(find_user) {}

  std::vector<Rule> ReadRules(const toml::table& root) {
    CheckKeys(root, std::array<std::string_view, 1>{"rule"});
    std::vector<Rule> rules;
    const toml::node* const list = root.get("rule");
    if (list == nullptr) return rules;
    if (!list->is_array_of_tables()) Fail(*list, "expected rules as [[rule]]");
    for (const toml::node& node : *list->as_array()) {
      if (rules.size() == kMaxRules)
        Fail(node, "there are more than " + std::to_string(kMaxRules) + " rules");
      rules.push_back(ReadRule(*node.as_table()));
      const std::string& name = rules.back().name;
      if (std::count_if(rules.begin(), rules.end(),
                        [&](const Rule& rule) { return rule.name == name; }) != 1)
        Fail(node, "there is another rule named \"" + name + "\"");
    }
    return rules;
  }

 private:
  [[noreturn]] void Fail(const toml::node& node, const std::string& what) const {
    const toml::source_position at = node.source().begin;
    throw Invalid(file_ + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                  what);
  }

  void CheckKeys(const toml::table& table, std::span<const std::string_view> known) const {
    for (const auto& [key, node] : table) {
      if (std::find(known.begin(), known.end(), key.str()) != known.end()) continue;
      std::string names;
      for (const std::string_view name : known)
        names.append(names.empty() ? "" : ", ").append(name);
      Fail(node, "unknown key \"" + std::string(key.str()) + "\", expected one of " + names);
    }
  }

  Rule ReadRule(const toml::table& table) const {
    CheckKeys(table, std::array<std::string_view, 9>{"name", "who", "register", "resolve", "invoke",
                                                     "store", "hooks", "admin", "budget"});
    Rule rule;
    const toml::node* const name = table.get("name");
    if (name == nullptr) Fail(table, "a rule needs a name");
    rule.name = TextOf(*name);
    rule.who = ReadList(table, "who", [&](const toml::node& node) { return ReadWho(node); });
    if (rule.who.empty()) Fail(table, "a rule needs to say who it is for");
    const auto name_pattern = [&](const toml::node& node) {
      return ReadPattern(node, TextOf(node));
    };
    rule.register_names = ReadList(table, "register", name_pattern);
    rule.resolve_names = ReadList(table, "resolve", name_pattern);
    rule.invoke_names = ReadList(table, "invoke", name_pattern);
    const auto keys = [&](const toml::node& node) { return ReadKeys(node); };
    if (const toml::table* const store = ReadTable(table, "store")) {
      CheckKeys(*store, std::array<std::string_view, 2>{"read", "write"});
      rule.read_keys = ReadList(*store, "read", keys);
      rule.write_keys = ReadList(*store, "write", keys);
    }
    rule.hook_keys = ReadList(table, "hooks", keys);
    for (const std::string& right : ReadList(table, "admin", [&](const toml::node& node) {
           if (TextOf(node) != "read" && TextOf(node) != "write")
             Fail(node, "expected \"read\" or \"write\"");
           return TextOf(node);
         })) {
      (right == "read" ? rule.may_view : rule.may_administer) = true;
    }
    if (const toml::table* const budget = ReadTable(table, "budget"))
      ReadBudget(*budget, &rule.budget);
    return rule;
  }

  void ReadBudget(const toml::table& table, Budget* budget) const {
    std::array<std::string_view, kBudgetFields.size()> names;
    std::transform(kBudgetFields.begin(), kBudgetFields.end(), names.begin(),
                   [](const BudgetField& each) { return each.name; });
    CheckKeys(table, names);
    for (const auto& [name, field] : kBudgetFields) {
      const toml::node* const node = table.get(name);
      if (node == nullptr) continue;
      const auto number = node->value_exact<std::int64_t>();
      if (!number || *number < 1)
        Fail(*node, "expected a number from 1 on; leave it out for no bound");
      budget->*field = static_cast<std::uint64_t>(*number);
    }
  }

  const toml::table* ReadTable(const toml::table& table, std::string_view key) const {
    const toml::node* const node = table.get(key);
    if (node != nullptr && !node->is_table())
      Fail(*node, "\"" + std::string(key) + "\" must be a table");
    return node != nullptr ? node->as_table() : nullptr;
  }

  template <typename Read>
  auto ReadList(const toml::table& table, std::string_view key, Read read) const
      -> std::vector<decltype(read(table))> {
    std::vector<decltype(read(table))> values;
    const toml::node* const list = table.get(key);
    if (list == nullptr) return values;
    if (!list->is_array()) Fail(*list, "\"" + std::string(key) + "\" must be a list of texts");
    for (const toml::node& node : *list->as_array()) values.push_back(read(node));
    return values;
  }

  std::string TextOf(const toml::node& node) const {
    auto text = node.value_exact<std::string>();
    if (!text || text->empty()) Fail(node, "expected a text in quotes");
    return std::move(*text);
  }

  Pattern ReadPattern(const toml::node& node, const std::string& text) const {
    auto pattern = Pattern::Parse(text);
    if (!pattern.ok()) Fail(node, "\"" + text + "\": " + pattern.status().message());
    return std::move(*pattern);
  }

  Pattern ReadWho(const toml::node& node) const {
    const std::string text = TextOf(node);
    auto number_for_name = WithoutUserName(text, find_user_);
    if (!number_for_name.ok()) Fail(node, number_for_name.status().message());
    const std::string& who = *number_for_name;
    const bool is_known = who == "*" || who == kAnonymous || who.starts_with(kCertificate) ||
                          who.starts_with(kToken) || who == "uid:*" ||
                          (who.starts_with(kUid) && IsNumber(who.substr(kUid.size())));
    if (!is_known) Fail(node, "\"" + text + "\": " + kWhoIsExpected);
    return ReadPattern(node, who);
  }

  Rule::Keys ReadKeys(const toml::node& node) const {
    const std::string text = TextOf(node);
    const std::size_t colon = text.find(':');
    return {ReadPattern(node, text.substr(0, colon)),
            colon != std::string::npos ? text.substr(colon + 1) : std::string()};
  }

  const std::string& file_;
  const UserLookup& find_user_;
};

}  // namespace

std::optional<std::uint32_t> FindUser(const std::string& name) {
  std::array<char, 16'384> buffer;
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return std::nullopt;
  }
  return found->pw_uid;
}

Result<Policy> ParsePolicy(std::string_view text, const std::string& file,
                           const UserLookup& find_user) {
  try {
    return Policy(Reader(file, find_user).ReadRules(toml::parse(text, file)));
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    return Invalid(file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                   std::string(error.description()));
  } catch (const Status& wrong) {
    return wrong;
  }
}

Result<Identity> ParseIdentity(const std::string& text, const UserLookup& find_user) {
  const auto who = WithoutUserName(text, find_user);
  if (!who.ok()) return who.status();
  const auto rest = [&](std::string_view kind) { return who->substr(kind.size()); };
  if (*who == kAnonymous) return Identity{};
  if (who->starts_with(kUid) && IsNumber(rest(kUid)))
    return Identity{Identity::Kind::kUser, rest(kUid)};
  if (who->find('*') == std::string::npos) {
    if (who->starts_with(kCertificate) && who->size() > kCertificate.size())
      return Identity{Identity::Kind::kCertificate, rest(kCertificate)};
    if (who->starts_with(kToken) && who->size() > kToken.size())
      return Identity{Identity::Kind::kToken, rest(kToken)};
  }
  return Invalid("\"" + text + "\": " + kWhoIsExpected + ", and no pattern");
}

}  // namespace belay::access
