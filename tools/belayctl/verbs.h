// The verbs: each does one thing, prints it, and returns the exit code.
//
// The option structs are what the command line fills (cli.cc, the only file that knows CLI11).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/belayctl/context.h"

namespace belay::ctl {

struct HandlesOptions {
  std::string kind;
  std::string owner;
  std::string label;
};
int RunHandles(const Context& context, const HandlesOptions& options);
int RunDescribe(const Context& context, const std::string& handle);

struct RevokeOptions {
  std::string handle;
  std::string reason;
  bool is_dry_run = false;
  bool is_confirmed = false;  // needs no asking today: a full handle names its generation
};
int RunRevoke(const Context& context, const RevokeOptions& options);

int RunSessions(const Context& context);
int RunHooks(const Context& context);
int RunStats(const Context& context);
struct AuditViewOptions {
  std::string since;  // how long ago, as ParseDurationMs() reads it; empty: from the oldest kept
  bool follows = false;
};
int RunAudit(const Context& context, const AuditViewOptions& options);
int RunHealth(const Context& context, const std::string& service);
int RunVersion(const Context& context, bool is_client_only);
int RunConfigShow(const Context& context, bool with_origin);

// Neither asks a broker.
int RunTokenNew(const Context& context, const std::string& name);
struct PolicyCheckOptions {
  std::string file;
  // Both or none: then it is only said whether the file is good.
  std::string who;
  std::string verb;
  std::string name;
};
int RunPolicyCheck(const Context& context, const PolicyCheckOptions& options);

// `payload` "-": from standard input.
int RunInvoke(const Context& context, const std::string& name, const std::string& payload);

// `keyspace` and the options' own: empty is "default".
struct WriteOptions {
  std::string keyspace;
  bool is_async = false;
  bool if_absent = false;
  std::uint64_t if_revision = 0;
};
int RunKvGet(const Context& context, const std::string& keyspace, const std::string& key);
// `value` "-": from standard input.
int RunKvPut(const Context& context, const std::string& key, const std::string& value,
             const WriteOptions& options);
int RunKvDelete(const Context& context, const std::vector<std::string>& keys,
                const WriteOptions& options);

struct ScanOptions {
  std::string keyspace;
  std::string prefix;
  std::string start;
  std::string end;
  std::uint64_t limit = 0;
  bool keys_only = false;
  bool is_reverse = false;
  std::string filter_name;
  std::string projection_name;
};
int RunKvScan(const Context& context, const ScanOptions& options);

struct ImportOptions {
  std::string keyspace;
  std::vector<std::string> files;  // none or "-": standard input
  bool is_async = false;
  bool is_quiet = false;
};
int RunKvImport(const Context& context, const ImportOptions& options);

int RunStoreStats(const Context& context);
int RunStoreVerify(const Context& context);
struct CompactOptions {
  std::string keyspace;
  std::string prefix;
  std::string start;
  std::string end;
};
int RunStoreCompact(const Context& context, const CompactOptions& options);
int RunStoreBackup(const Context& context, const std::string& name);

// All of standard input.
std::string ReadStandardInput();

}  // namespace belay::ctl
