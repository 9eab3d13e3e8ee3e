// sessions, stats, health, version: the broker as a whole. And config, which needs none.
#include <fmt/format.h>

#include <cstdio>

#include "belay/client/version.h"
#include "belay/v1/admin.pb.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

const char* HealthName(client::Health health) {
  switch (health) {
    case client::Health::kUnknown: return "UNKNOWN";
    case client::Health::kServing: return "SERVING";
    case client::Health::kNotServing: return "NOT_SERVING";
    case client::Health::kServiceUnknown: return "SERVICE_UNKNOWN";
  }
  return "UNKNOWN";
}

}  // namespace

int RunSessions(const Context& context) {
  client::UnaryClient client = context.Client();
  v1::ListSessionsResponse response;
  const client::Status status = client.ListSessions(v1::ListSessionsRequest(), &response);
  if (!status.ok()) return context.Fail(status, "cannot list sessions");
  if (context.format() == Format::kJson) {
    Context::PrintLine(Context::Json(response));
    return kExitOk;
  }
  Table table = context.MakeTable({{"SESSION", true},
                                   {"CLIENT"},
                                   {"INSTANCE"},
                                   {"STATE"},
                                   {"IDENTITY"},
                                   {"PEER"},
                                   {"CALLBACKS", true},
                                   {"HANDLES", true},
                                   {"WAITING", true},
                                   {"RUNNING", true},
                                   {"AGE", true}});
  for (const v1::SessionInfo& session : response.sessions()) {
    switch (context.format()) {
      case Format::kName: Context::PrintLine(std::to_string(session.session_id())); break;
      case Format::kJsonLines: Context::PrintLine(Context::Json(session)); break;
      default:
        table.AddRow({std::to_string(session.session_id()), session.client_name(),
                      session.instance(), session.state(), session.identity(), session.peer(),
                      std::to_string(session.callbacks()), std::to_string(session.handles()),
                      std::to_string(session.calls_waiting()),
                      std::to_string(session.calls_running()), FormatAge(session.age_ns())});
    }
  }
  if (context.IsTable()) table.Flush(stdout);
  return kExitOk;
}

int RunStats(const Context& context) {
  client::UnaryClient client = context.Client();
  v1::GetStatsResponse stats;
  const client::Status status = client.GetStats(v1::GetStatsRequest(), &stats);
  if (!status.ok()) return context.Fail(status, "cannot get the statistics");
  if (!context.IsTable()) {
    Context::PrintLine(Context::Json(stats));
    return kExitOk;
  }
  Table table = context.MakeTable({{"WHAT"}, {"VALUE", true}});
  table.AddRow({"version", stats.version()});
  table.AddRow({"uptime", FormatAge(stats.uptime_ns())});
  table.AddRow({"sessions", std::to_string(stats.sessions())});
  table.AddRow({"callbacks", std::to_string(stats.callbacks())});
  table.AddRow({"live handles", std::to_string(stats.live_handles())});
  table.AddRow({"calls", std::to_string(stats.calls())});
  table.AddRow({"calls in flight", std::to_string(stats.calls_in_flight())});
  table.AddRow({"late results", std::to_string(stats.late_results())});
  table.AddRow({"retries", std::to_string(stats.retries())});
  table.AddRow({"store revision", std::to_string(stats.store_revision())});
  table.AddRow({"epoch", std::to_string(stats.epoch())});
  for (const v1::RefusalCount& refusal : stats.refusals())
    table.AddRow({"refused by " + refusal.rule(), std::to_string(refusal.count())});
  table.Flush(stdout);
  return kExitOk;
}

int RunHealth(const Context& context, const std::string& service) {
  client::UnaryClient client = context.Client();
  client::Health health = client::Health::kUnknown;
  const client::Status status = client.CheckHealth(service, &health);
  if (!status.ok())
    return context.Fail(status, fmt::format("cannot ask for the health of \"{}\"", service));
  if (context.IsTable() || context.format() == Format::kName) {
    Context::PrintLine(HealthName(health));
  } else {
    Context::PrintLine(fmt::format("{{\"service\":{},\"status\":\"{}\"}}",
                                   IsUtf8(service) ? JsonString(service) : "null",
                                   HealthName(health)));
  }
  return health == client::Health::kServing ? kExitOk : kExitNegative;
}

int RunVersion(const Context& context, bool is_client_only) {
  v1::GetStatsResponse stats;
  client::Status status;
  if (!is_client_only) {
    client::UnaryClient client = context.Client();
    status = client.GetStats(v1::GetStatsRequest(), &stats);
  }
  const bool has_server = !is_client_only && status.ok();
  if (!context.IsTable() && context.format() != Format::kName) {
    const std::string server = has_server ? JsonString(stats.version()) : "null";
    Context::PrintLine(
        fmt::format("{{\"client\":\"{}\",\"server\":{}}}", client::kVersion, server));
  } else {
    Context::PrintLine(fmt::format("client {}", client::kVersion));
    if (has_server) Context::PrintLine(fmt::format("server {}", Escape(stats.version())));
  }
  if (!status.ok()) return context.Fail(status, "cannot ask for the server's version");
  if (has_server && stats.version() != client::kVersion) {
    fmt::print(stderr,
               "belayctl: client and server differ; what only one of them knows will not work\n");
  }
  return kExitOk;
}

int RunConfigShow(const Context& context, bool with_origin) {
  const Settings& settings = context.settings();
  const std::vector<std::pair<std::string, const Setting*>> all = {
      {"endpoint", &settings.endpoint},
      {"timeout", &settings.timeout},
      {"output", &settings.output},
      {"token-file", &settings.token_file}};
  if (!context.IsTable() && context.format() != Format::kName) {
    std::string json = "{";
    for (const auto& [name, setting] : all) {
      if (json.size() > 1) json += ",";
      json += fmt::format("\"{}\":{{\"value\":{},\"origin\":{}}}", name, JsonString(setting->value),
                          JsonString(setting->origin));
    }
    Context::PrintLine(json + "}");
    return kExitOk;
  }
  std::vector<Column> columns = {{"SETTING"}, {"VALUE"}};
  if (with_origin) columns.push_back({"ORIGIN"});
  Table table = context.MakeTable(std::move(columns));
  for (const auto& [name, setting] : all) {
    std::vector<std::string> cells = {name, setting->value};
    if (with_origin) cells.push_back(setting->origin);
    table.AddRow(std::move(cells));
  }
  table.Flush(stdout);
  return kExitOk;
}

}  // namespace belay::ctl
