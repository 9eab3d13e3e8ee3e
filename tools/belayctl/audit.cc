// The audit: who did what when.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <ctime>
#include <string>
#include <thread>

#include "belay/v1/admin.pb.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

// How often --follow asks. The broker answers out of memory.
constexpr auto kBetweenQuestions = std::chrono::seconds(1);

std::string FormatTime(std::int64_t unix_ms) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                     fmt::gmtime(static_cast<std::time_t>(unix_ms / 1'000)), unix_ms % 1'000);
}

void Print(const Context& context, const v1::ListAuditResponse& page, Table* table) {
  for (const v1::AuditEntry& entry : page.entries()) {
    if (context.IsTable()) {
      table->AddRow({FormatTime(entry.unix_ms()), entry.event(), std::to_string(entry.count()),
                     entry.who(), entry.where(), entry.what()});
    } else {
      Context::PrintLine(context.format() == Format::kName ? std::to_string(entry.number())
                                                           : Context::Json(entry));
    }
  }
  if (context.IsTable()) table->Flush(stdout);
  std::fflush(stdout);
}

}  // namespace

int RunAudit(const Context& context, const AuditViewOptions& options) {
  v1::ListAuditRequest request;
  if (!options.since.empty()) {
    const auto ago_ms = ParseDurationMs(options.since);
    if (!ago_ms) return Context::Usage("--since takes a duration like 30s, 10m or 2h");
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    request.set_since_unix_ms(std::chrono::duration_cast<std::chrono::milliseconds>(now).count() -
                              *ago_ms);
  }
  client::UnaryClient client = context.Client();
  Table table =
      context.MakeTable({{"TIME"}, {"EVENT"}, {"COUNT", true}, {"WHO"}, {"WHERE"}, {"WHAT"}});
  for (;;) {
    v1::ListAuditResponse page;
    if (const client::Status status = client.ListAudit(request, &page); !status.ok())
      return context.Fail(status, "cannot read the audit");
    Print(context, page, &table);
    if (!page.entries().empty()) {
      request.set_after(page.entries().rbegin()->number());
    } else if (options.follows) {
      std::this_thread::sleep_for(kBetweenQuestions);
    } else {
      return kExitOk;
    }
  }
}

}  // namespace belay::ctl
