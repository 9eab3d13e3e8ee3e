// store stats, verify, compact, backup: what an operator asks of the store.
#include <fmt/format.h>

#include <cstdio>

#include "belay/v1/storage.pb.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {

int RunStoreStats(const Context& context) {
  client::UnaryClient client = context.Client();
  v1::GetStoreStatsResponse stats;
  const client::Status status = client.GetStoreStats(v1::GetStoreStatsRequest(), &stats);
  if (!status.ok()) return context.Fail(status, "cannot get the store's statistics");
  if (context.IsTable()) {
    Table table = context.MakeTable({{"WHAT"}, {"VALUE", true}});
    table.AddRow({"revision", std::to_string(stats.revision())});
    table.AddRow({"oldest revision", std::to_string(stats.oldest_revision())});
    table.AddRow({"writes", stats.has_health() ? stats.health().reason() : "OK"});
    for (const v1::Statistic& statistic : stats.statistics())
      table.AddRow({statistic.name(), std::to_string(statistic.value())});
    table.Flush(stdout);
  } else {
    Context::PrintLine(Context::Json(stats));
  }
  return stats.has_health() ? kExitNegative : kExitOk;
}

int RunStoreVerify(const Context& context) {
  client::UnaryClient client = context.PatientClient();
  v1::VerifyResponse last;
  const client::Status status = client.Verify([&](const v1::VerifyResponse& so_far) {
    last = so_far;
    // To where no result goes, and only for who watches.
    if (context.is_terminal())
      fmt::print(stderr, "\rverified {} of {}", so_far.done(), so_far.total());
    return true;
  });
  if (context.is_terminal()) fmt::print(stderr, "\n");
  if (!status.ok()) return context.Fail(status, "the store is not verified");
  if (context.IsTable() || context.format() == Format::kName) {
    Context::PrintLine(fmt::format("verified {} of {}", last.done(), last.total()));
  } else {
    Context::PrintLine(fmt::format("{{\"done\":{},\"total\":{}}}", last.done(), last.total()));
  }
  return kExitOk;
}

int RunStoreCompact(const Context& context, const CompactOptions& options) {
  if (!options.prefix.empty() && (!options.start.empty() || !options.end.empty())) {
    return Context::Usage("--prefix excludes --start and --end");
  }
  client::UnaryClient client = context.PatientClient();
  v1::CompactRequest request;
  request.set_keyspace(options.keyspace);
  request.mutable_range()->set_prefix(options.prefix);
  request.mutable_range()->set_start(options.start);
  request.mutable_range()->set_end(options.end);
  v1::CompactResponse response;
  const client::Status status = client.Compact(request, &response);
  return status.ok() ? kExitOk : context.Fail(status, "cannot compact");
}

int RunStoreBackup(const Context& context, const std::string& name) {
  client::UnaryClient client = context.PatientClient();
  v1::CheckpointRequest request;
  request.set_name(name);
  v1::CheckpointResponse response;
  const client::Status status = client.Checkpoint(request, &response);
  if (!status.ok())
    return context.Fail(status, fmt::format("cannot make backup \"{}\"", Escape(name)));
  if (context.IsTable() || context.format() == Format::kName) {
    Context::PrintLine(Escape(response.path()));
  } else {
    Context::PrintLine(Context::Json(response));
  }
  return kExitOk;
}

}  // namespace belay::ctl
