// handles, describe, revoke.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <utility>

#include "belay/v1/admin.pb.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

// "shop, worker (3)": each holder once, with how many handles it has.
std::string Holders(const v1::HandleInfo& info) {
  std::map<std::string, int> counts;
  for (const std::string& holder : info.holders()) ++counts[holder];
  std::string text;
  for (const auto& [holder, count] : counts) {
    if (!text.empty()) text += ", ";
    text += holder;
    if (count > 1) text += fmt::format(" ({})", count);
  }
  return text.empty() ? info.holder() : text;
}

// "irubx": invoke, retain, unregister, bind, export; a dash where the right is missing.
std::string Rights(std::uint32_t rights) {
  constexpr char kLetters[] = "irubx";
  std::string text;
  for (unsigned i = 0; i < 5; ++i) text += (rights >> i & 1u) != 0 ? kLetters[i] : '-';
  return text;
}

std::vector<Column> Columns(bool is_wide) {
  std::vector<Column> columns = {{"HANDLE"},        {"KIND"},       {"STATE"},   {"OWNER"},
                                 {"LABEL"},         {"REFS", true}, {"HOLDERS"}, {"CALLS", true},
                                 {"RUNNING", true}, {"AGE", true}};
  if (is_wide) {
    for (const Column& column : std::vector<Column>{{"NAME"},
                                                    {"HOLDER"},
                                                    {"FAILED", true},
                                                    {"PINS", true},
                                                    {"RIGHTS"},
                                                    {"SIGNATURE"},
                                                    {"SITE"}}) {
      columns.push_back(column);
    }
  }
  return columns;
}

std::vector<std::string> Cells(const v1::HandleInfo& info, bool is_wide) {
  std::vector<std::string> cells = {FormatHandle(info.handle()),
                                    info.kind(),
                                    info.state(),
                                    info.owner(),
                                    info.label(),
                                    std::to_string(info.references()),
                                    Holders(info),
                                    std::to_string(info.calls()),
                                    std::to_string(info.in_flight()),
                                    FormatAge(info.age_ns())};
  if (is_wide) {
    for (const std::string& cell :
         {info.name(), info.holder(), std::to_string(info.failures()), std::to_string(info.pins()),
          Rights(info.rights()), info.signature(), info.site()}) {
      cells.push_back(cell);
    }
  }
  return cells;
}

client::Status Describe(client::UnaryClient& client, std::uint64_t handle,
                        v1::DescribeHandleResponse* response) {
  v1::DescribeHandleRequest request;
  request.set_handle(handle);
  return client.DescribeHandle(request, response);
}

int BadHandle(const std::string& text) {
  return Context::Usage(fmt::format(
      "\"{}\" is no handle: give the number that belayctl handles shows, like 0x0300000100000007",
      Escape(text)));
}

void PrintDescription(const v1::HandleInfo& info) {
  const auto line = [](std::string_view name, const std::string& value) {
    if (!value.empty()) Context::PrintLine(fmt::format("{:<12}{}", name, value));
  };
  line("handle", FormatHandle(info.handle()));
  line("kind", Escape(info.kind()));
  line("state", Escape(info.state()));
  line("label", Escape(info.label()));
  line("name", Escape(info.name()));
  line("signature", Escape(info.signature()));
  line("owner", Escape(info.owner()));
  line("held by", Escape(info.holder()));
  line("rights", info.rights() == 0 ? "" : Rights(info.rights()));
  line("references", fmt::format("{} ({})", info.references(), Escape(Holders(info))));
  line("pins", std::to_string(info.pins()));
  line("calls",
       fmt::format("{}, {} failed, {} running", info.calls(), info.failures(), info.in_flight()));
  line("age", FormatAge(info.age_ns()));
  line("site", Escape(info.site()));
}

}  // namespace

int RunHandles(const Context& context, const HandlesOptions& options) {
  client::UnaryClient client = context.Client();
  Table table = context.MakeTable(Columns(context.IsWide()));
  v1::ListHandlesRequest request;
  request.set_kind(options.kind);
  const char* lead = "{\"handles\":[\n";  // not before the first answer: a failure prints nothing
  do {
    v1::ListHandlesResponse page;
    const client::Status status = client.ListHandles(request, &page);
    if (!status.ok()) return context.Fail(status, "cannot list handles");
    for (const v1::HandleInfo& info : page.handles()) {
      if (!options.owner.empty() && info.owner() != options.owner) continue;
      if (!options.label.empty() && info.label() != options.label) continue;
      switch (context.format()) {
        case Format::kName: Context::PrintLine(FormatHandle(info.handle())); break;
        case Format::kJsonLines: Context::PrintLine(Context::Json(info)); break;
        case Format::kJson:
          fmt::print("{}{}", lead, Context::Json(info));
          lead = ",\n";
          break;
        case Format::kTable:
        case Format::kWide: table.AddRow(Cells(info, context.IsWide())); break;
      }
    }
    if (context.IsTable()) table.Flush(stdout);
    request.set_page_token(page.next_page_token());
  } while (request.page_token() != 0);
  if (context.format() == Format::kJson) fmt::print("{}\n]}}\n", lead[0] == '{' ? lead : "");
  return kExitOk;
}

int RunDescribe(const Context& context, const std::string& text) {
  const std::optional<std::uint64_t> handle = ParseHandle(text);
  if (!handle) return BadHandle(text);
  client::UnaryClient client = context.Client();
  v1::DescribeHandleResponse response;
  const client::Status status = Describe(client, *handle, &response);
  if (!status.ok()) return context.Fail(status, "cannot describe " + FormatHandle(*handle));
  const v1::HandleInfo& info = response.handle();
  if (context.format() == Format::kName) {
    Context::PrintLine(FormatHandle(info.handle()));
  } else if (context.IsTable()) {
    PrintDescription(info);
  } else {
    Context::PrintLine(Context::Json(info));
  }
  return kExitOk;
}

int RunRevoke(const Context& context, const RevokeOptions& options) {
  const std::optional<std::uint64_t> handle = ParseHandle(options.handle);
  if (!handle) return BadHandle(options.handle);
  client::UnaryClient client = context.Client();
  if (options.is_dry_run) {
    v1::DescribeHandleResponse response;
    const client::Status status = Describe(client, *handle, &response);
    if (!status.ok()) return context.Fail(status, "cannot revoke " + FormatHandle(*handle));
    const v1::HandleInfo& info = response.handle();
    if (!context.IsTable()) {
      Context::PrintLine(
          fmt::format("{{\"handle\":\"{}\",\"revoked\":false,\"dry_run\":true}}", *handle));
    } else {
      Context::PrintLine(
          fmt::format("would revoke {} ({} \"{}\" of {}; {} references, {} calls running)",
                      FormatHandle(*handle), Escape(info.kind()), Escape(info.label()),
                      Escape(info.owner()), info.references(), info.in_flight()));
    }
    return kExitOk;
  }
  v1::RevokeRequest request;
  request.set_handle(*handle);
  request.set_reason(options.reason);
  v1::RevokeResponse response;
  const client::Status status = client.Revoke(request, &response);
  if (!status.ok()) return context.Fail(status, "cannot revoke " + FormatHandle(*handle));
  if (context.format() == Format::kName) {
    Context::PrintLine(FormatHandle(*handle));
  } else if (context.IsTable()) {
    Context::PrintLine(fmt::format("revoked {}", FormatHandle(*handle)));
  } else {
    Context::PrintLine(
        fmt::format("{{\"handle\":\"{}\",\"revoked\":true,\"dry_run\":false}}", *handle));
  }
  return kExitOk;
}

}  // namespace belay::ctl
