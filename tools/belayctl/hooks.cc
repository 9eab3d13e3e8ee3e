// hooks: what is attached to the store.
#include <fmt/format.h>

#include <cstdio>

#include "belay/v1/admin.pb.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {

int RunHooks(const Context& context) {
  client::UnaryClient client = context.Client();
  v1::ListHooksResponse response;
  const client::Status status = client.ListHooks(v1::ListHooksRequest(), &response);
  if (!status.ok()) return context.Fail(status, "cannot list hooks");
  if (context.format() == Format::kJson) {
    Context::PrintLine(Context::Json(response));
    return kExitOk;
  }
  Table table = context.MakeTable({{"HANDLE"},
                                   {"KIND"},
                                   {"KEYSPACE"},
                                   {"HOOK"},
                                   {"HOLDER"},
                                   {"CALLBACK"},
                                   {"OF"},
                                   {"STATE"},
                                   {"CALLS", true},
                                   {"FAILED", true},
                                   {"RUNNING", true},
                                   {"AGE", true}});
  for (const v1::HookInfo& hook : response.hooks()) {
    switch (context.format()) {
      case Format::kName: Context::PrintLine(FormatHandle(hook.handle())); break;
      case Format::kJsonLines: Context::PrintLine(Context::Json(hook)); break;
      default:
        table.AddRow({FormatHandle(hook.handle()), hook.kind(), hook.keyspace(), hook.label(),
                      hook.holder(), hook.callback_label(), hook.callback_owner(),
                      hook.callback_state(), std::to_string(hook.calls()),
                      std::to_string(hook.failures()), std::to_string(hook.in_flight()),
                      FormatAge(hook.age_ns())});
    }
  }
  if (context.IsTable()) table.Flush(stdout);
  return kExitOk;
}

}  // namespace belay::ctl
