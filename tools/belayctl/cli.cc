// Verbs, flags and help: the only file that knows CLI11.
#include "tools/belayctl/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "belay/client/version.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

using Verb = std::function<int(const Context&)>;

// What the parser fills; lives as long as the parser.
struct Options {
  Flags flags;
  bool no_headers = false;
  HandlesOptions handles;
  std::string handle;
  RevokeOptions revoke;
  std::string name;
  std::string payload;
  std::string service;
  bool client_only = false;
  bool with_origin = false;
  std::string key;
  std::string value;
  std::vector<std::string> keys;
  WriteOptions write;
  ScanOptions scan;
  ImportOptions import;
  PolicyCheckOptions policy_check;
  AuditViewOptions audit;
  CompactOptions compact;
  Verb verb;
};

CLI::App* AddVerb(CLI::App& parent, Options& options, const std::string& name,
                  const std::string& help, Verb verb) {
  CLI::App* const app = parent.add_subcommand(name, help);
  app->fallthrough();  // the common flags may follow the verb
  app->callback([&options, verb = std::move(verb)] { options.verb = verb; });
  return app;
}

void AddAdminVerbs(CLI::App& app, Options& o) {
  CLI::App* verb =
      AddVerb(app, o, "handles", "List live handles: who holds what, and what it is doing",
              [&o](const Context& c) { return RunHandles(c, o.handles); });
  verb->add_option("--kind", o.handles.kind, "Only this kind: callback, owner, broker, store, ...");
  verb->add_option("--owner", o.handles.owner, "Only what this owner registered");
  verb->add_option("--label", o.handles.label, "Only what has this label");

  verb = AddVerb(app, o, "describe", "Show everything about one handle",
                 [&o](const Context& c) { return RunDescribe(c, o.handle); });
  verb->add_option("HANDLE", o.handle, "As belayctl handles shows it")->required();

  AddVerb(app, o, "sessions", "List connected clients",
          [](const Context& c) { return RunSessions(c); });
  AddVerb(app, o, "hooks", "List watches and validators: what is attached, and what it calls",
          [](const Context& c) { return RunHooks(c); });
  AddVerb(app, o, "stats", "Show the broker's counters",
          [](const Context& c) { return RunStats(c); });

  verb = AddVerb(app, o, "audit",
                 "Show who did what when: administrators' acts, refusals, other policies",
                 [&o](const Context& c) { return RunAudit(c, o.audit); });
  verb->add_option("--since", o.audit.since, "Only of so long ago and later: 10m, 2h");
  verb->add_flag("--follow", o.audit.follows, "Go on with what comes, until interrupted");

  verb = AddVerb(app, o, "revoke", "Make a callback uncallable for every holder",
                 [&o](const Context& c) { return RunRevoke(c, o.revoke); });
  verb->add_option("HANDLE", o.revoke.handle,
                   "The full handle; it names its generation, so never another")
      ->required();
  verb->add_option("--reason", o.revoke.reason, "Why; kept in the audit");
  CLI::Option* const dry_run =
      verb->add_flag("--dry-run", o.revoke.is_dry_run, "Only say what it would do");
  verb->add_flag("--yes", o.revoke.is_confirmed, "Do it; a full handle says so too")
      ->excludes(dry_run);

  verb = AddVerb(app, o, "health", "Ask whether it is serving; exit code 1 if not",
                 [&o](const Context& c) { return RunHealth(c, o.service); });
  verb->add_option("SERVICE", o.service, "One service; default: the whole");

  verb = AddVerb(app, o, "version", "Show the client's and the server's version",
                 [&o](const Context& c) { return RunVersion(c, o.client_only); });
  verb->add_flag("--client", o.client_only, "Do not ask the server");

  CLI::App* const config = app.add_subcommand("config", "Show the settings in force");
  config->fallthrough();
  config->require_subcommand(1);
  verb = AddVerb(*config, o, "show", "Show each setting",
                 [&o](const Context& c) { return RunConfigShow(c, o.with_origin); });
  verb->add_flag("--origin", o.with_origin, "And where it comes from");

  verb = AddVerb(app, o, "invoke", "Invoke a callback by its public name, print its reply",
                 [&o](const Context& c) { return RunInvoke(c, o.name, o.payload); });
  verb->add_option("NAME", o.name, "Public name")->required();
  verb->add_option("PAYLOAD", o.payload, "The request; - reads it from standard input");
}

void AddAccessVerbs(CLI::App& app, Options& o) {
  CLI::App* const token = app.add_subcommand("token", "Make bearer tokens");
  token->fallthrough();
  token->require_subcommand(1);
  CLI::App* verb =
      AddVerb(*token, o, "new", "Print a new token, once, and its line for belayd's --tokens file",
              [&o](const Context& c) { return RunTokenNew(c, o.name); });
  verb->add_option("NAME", o.name, "By which policies and logs know it")->required();

  CLI::App* const policy = app.add_subcommand("policy", "Explain policy files");
  policy->fallthrough();
  policy->require_subcommand(1);
  verb =
      AddVerb(*policy, o, "check",
              "Say whether a policy file is good, or which rule decides; exit code 1 if it denies",
              [&o](const Context& c) { return RunPolicyCheck(c, o.policy_check); });
  verb->add_option("FILE", o.policy_check.file, "As belayd's --policy")->required();
  CLI::Option* const who = verb->add_option("--who", o.policy_check.who,
                                            "uid:1000, user:shop, cert:CN=NAME, token:NAME");
  CLI::Option* const what =
      verb->add_option("--verb", o.policy_check.verb,
                       "register, resolve, invoke, store.read, store.write, hooks, \"admin read\", "
                       "\"admin write\"")
          ->needs(who);
  who->needs(what);
  verb->add_option("--name", o.policy_check.name, "A public name, or KEYSPACE:PREFIX of keys")
      ->needs(what);
}

void AddKeyspace(CLI::App* verb, std::string* keyspace) {
  verb->add_option("--keyspace", *keyspace, "Default: default");
}

void AddStoreVerbs(CLI::App& app, Options& o) {
  CLI::App* const store = app.add_subcommand("store", "Look after the store");
  store->fallthrough();
  store->require_subcommand(1);

  AddVerb(*store, o, "stats", "Show what the store tells of itself; exit code 1 if it is read-only",
          [](const Context& c) { return RunStoreStats(c); });
  AddVerb(*store, o, "verify", "Read everything and compare it with its checksums",
          [](const Context& c) { return RunStoreVerify(c); });

  CLI::App* verb =
      AddVerb(*store, o, "compact", "Give the space of what was deleted or replaced back",
              [&o](const Context& c) { return RunStoreCompact(c, o.compact); });
  AddKeyspace(verb, &o.compact.keyspace);
  verb->add_option("--prefix", o.compact.prefix, "Keys that begin with this");
  verb->add_option("--start", o.compact.start, "First key of a range");
  verb->add_option("--end", o.compact.end, "The range ends before this key");

  verb = AddVerb(*store, o, "backup", "Make a backup in the broker's --backup-dir, print its path",
                 [&o](const Context& c) { return RunStoreBackup(c, o.name); });
  verb->add_option("NAME", o.name, "Of the folder to be made")->required();
}

void AddWriteFlags(CLI::App* verb, Options& o) {
  AddKeyspace(verb, &o.write.keyspace);
  verb->add_flag("--async", o.write.is_async, "Do not wait for the disk: a crash may lose it");
  verb->add_option("--if-revision", o.write.if_revision,
                   "Only if the key was last changed at this revision");
}

void AddKvVerbs(CLI::App& app, Options& o) {
  CLI::App* const kv = app.add_subcommand("kv", "Read and write the store");
  kv->fallthrough();
  kv->require_subcommand(1);

  CLI::App* verb = AddVerb(*kv, o, "get", "Print a value",
                           [&o](const Context& c) { return RunKvGet(c, o.write.keyspace, o.key); });
  verb->add_option("KEY", o.key)->required();
  AddKeyspace(verb, &o.write.keyspace);

  verb = AddVerb(*kv, o, "put", "Write a value",
                 [&o](const Context& c) { return RunKvPut(c, o.key, o.value, o.write); });
  verb->add_option("KEY", o.key)->required();
  verb->add_option("VALUE", o.value, "- reads it from standard input")->required();
  verb->add_flag("--if-absent", o.write.if_absent, "Only if the key does not exist");
  AddWriteFlags(verb, o);

  verb = AddVerb(*kv, o, "del", "Delete keys; exit code 1 if one did not exist",
                 [&o](const Context& c) { return RunKvDelete(c, o.keys, o.write); });
  verb->add_option("KEY", o.keys)->required();
  AddWriteFlags(verb, o);

  const auto add_range = [&o](CLI::App* to) {
    AddKeyspace(to, &o.scan.keyspace);
    to->add_option("--prefix", o.scan.prefix, "Keys that begin with this");
    to->add_option("--start", o.scan.start, "First key of a range");
    to->add_option("--end", o.scan.end, "The range ends before this key");
    to->add_option("--limit", o.scan.limit, "At most so many rows");
    to->add_flag("--reverse", o.scan.is_reverse, "Last key first");
    to->add_option("--filter-name", o.scan.filter_name,
                   "Public name of a callback that picks the rows");
    to->add_option("--projection-name", o.scan.projection_name,
                   "Public name of a callback that makes others of them");
  };
  verb = AddVerb(*kv, o, "scan", "List keys and values of a range",
                 [&o](const Context& c) { return RunKvScan(c, o.scan); });
  add_range(verb);
  verb->add_flag("--keys-only", o.scan.keys_only, "Without values");

  verb = AddVerb(*kv, o, "export", "Print a range as JSON lines that kv import reads",
                 [&o](const Context& c) {
                   Settings settings = c.settings();
                   settings.format = Format::kJsonLines;
                   return RunKvScan(Context(settings, false, c.is_terminal()), o.scan);
                 });
  add_range(verb);

  verb = AddVerb(*kv, o, "import", "Write JSON lines {\"key\":...,\"value\":...} into the store",
                 [&o](const Context& c) { return RunKvImport(c, o.import); });
  verb->add_option("FILE", o.import.files, "Default, and -: standard input");
  AddKeyspace(verb, &o.import.keyspace);
  verb->add_flag("--async", o.import.is_async,
                 "Do not wait for the disk: a crash may lose the last ones");
  verb->add_flag("--quiet", o.import.is_quiet, "No progress on standard error");
}

// CLI11's text for a wrong command line, and what was meant.
int ReportParseError(const CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  std::string text = error.what();
  if (text == "A subcommand is required") text = "a verb is missing";
  const CLI::App* last = &app;
  while (!last->get_subcommands().empty()) last = last->get_subcommands().front();
  std::vector<std::string> verbs;
  for (const CLI::App* verb : last->get_subcommands([](const CLI::App*) { return true; })) {
    verbs.push_back(verb->get_name());
  }
  for (int i = 1; i < argc && !verbs.empty(); ++i) {
    const std::string word = argv[i];
    if (word.starts_with("-") || word == last->get_name()) continue;
    const std::string nearest = Nearest(word, verbs);
    text = fmt::format("unknown verb \"{}\"", Escape(word));
    if (!nearest.empty()) text += fmt::format("; did you mean \"{}\"?", nearest);
    break;
  }
  std::string command = "belayctl";
  for (const CLI::App* at = &app; at != last;) {
    at = at->get_subcommands().front();
    command += " " + at->get_name();
  }
  return Context::Usage(fmt::format("{}\nSee {} --help", text, command));
}

std::optional<std::string> FromEnvironment(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

}  // namespace

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Sees and steers a belayd: live handles, sessions, calls, and the store.",
               "belayctl");
  app.set_help_all_flag("--help-all", "Help of every verb");
  app.set_version_flag("--version", std::string(client::kVersion));
  app.require_subcommand(1);
  app.add_option("--endpoint", options.flags.endpoint, "unix:/PATH or HOST:PORT (BELAY_ENDPOINT)");
  app.add_option("--timeout", options.flags.timeout,
                 "Of one request: 500ms, 10s, 2m (BELAY_TIMEOUT)");
  app.add_option(
      "-o,--output", options.flags.output,
      "table, wide, json, jsonl, name (BELAY_OUTPUT); default: table on a terminal, else json");
  app.add_option("--token-file", options.flags.token_file,
                 "File with the bearer token to be known by (BELAY_TOKEN_FILE)");
  app.add_option("--config", options.flags.config, "Settings file (BELAY_CONFIG)");
  app.add_flag("--no-headers", options.no_headers, "Tables without their first line");
  app.footer(
      "Exit codes: 0 ok, 1 negative answer, 2 usage, 3 cannot connect, 4 denied, 64+status "
      "otherwise.");
  AddAdminVerbs(app, options);
  AddAccessVerbs(app, options);
  AddKvVerbs(app, options);
  AddStoreVerbs(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // help, version
    return ReportParseError(app, error, argc, argv);
  }

  const bool is_terminal = isatty(STDOUT_FILENO) == 1;
  std::string wrong;
  std::optional<Settings> settings = Resolve(options.flags, FromEnvironment, is_terminal, &wrong);
  if (!settings) return Context::Usage(wrong);
  const int exit_code =
      options.verb(Context(*std::move(settings), !options.no_headers, is_terminal));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fmt::print(stderr, "belayctl: cannot write the result to standard output\n");
    return exit_code == kExitOk ? kExitStatus + static_cast<int>(client::Code::kDataLoss)
                                : exit_code;
  }
  return exit_code;
}

}  // namespace belay::ctl
