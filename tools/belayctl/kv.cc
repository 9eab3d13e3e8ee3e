// invoke; kv get, put, del, scan.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <iterator>

#include "belay/client/client.h"
#include "belay/client/store.h"
#include "belay/rows.hpp"
#include "belay/v1/session.pb.h"
#include "belay/v1/storage.pb.h"
#include "tools/belayctl/json_lines.h"
#include "tools/belayctl/text.h"
#include "tools/belayctl/verbs.h"

namespace belay::ctl {
namespace {

void PrintRevision(const Context& context, std::uint64_t revision) {
  if (context.IsTable()) {
    Context::PrintLine(fmt::format("revision {}", revision));
  } else if (context.format() == Format::kName) {
    Context::PrintLine(std::to_string(revision));
  } else {
    Context::PrintLine(fmt::format("{{\"revision\":{}}}", revision));
  }
}

// Prints a scan's rows as they come.
class RowPrinter {
 public:
  RowPrinter(const Context& context, bool keys_only)
      : context_(context), keys_only_(keys_only), table_(context.MakeTable(Columns(keys_only))) {}

  void Print(const Row& row) {
    PrintRow(row);
    // In portions: columns are as wide as what is printed together.
    if (context_.IsTable() && ++unflushed_ == kPortion) Flush();
  }

  // After a scan that succeeded: one that failed must not look complete.
  void Finish() {
    if (context_.format() == Format::kJson) fmt::print("{}\n]\n", is_first_ ? "[" : "");
    if (context_.IsTable()) Flush();
  }

 private:
  static constexpr int kPortion = 1'000;

  void Flush() {
    table_.Flush(stdout);
    unflushed_ = 0;
  }

  static std::vector<Column> Columns(bool keys_only) {
    if (keys_only) return {{"REVISION", true}, {"KEY"}};
    return {{"REVISION", true}, {"KEY"}, {"VALUE"}};
  }

  void PrintRow(const Row& row) {
    // How much of a value a table shows; wide shows all.
    constexpr std::size_t kShownColumns = 60;
    switch (context_.format()) {
      case Format::kName: Context::PrintLine(Escape(row.key)); break;
      case Format::kJsonLines: Context::PrintLine(RowToJson(row, !keys_only_)); break;
      case Format::kJson:
        fmt::print("{}\n{}", is_first_ ? "[" : ",", RowToJson(row, !keys_only_));
        break;
      case Format::kTable:
      case Format::kWide: {
        std::vector<std::string> cells = {std::to_string(row.revision), std::string(row.key)};
        if (!keys_only_)
          cells.push_back(context_.IsWide() ? std::string(row.value)
                                            : Shorten(row.value, kShownColumns));
        table_.AddRow(std::move(cells));
        break;
      }
    }
    is_first_ = false;
  }

  const Context& context_;
  const bool keys_only_;
  Table table_;
  bool is_first_ = true;
  int unflushed_ = 0;
};

}  // namespace

std::string ReadStandardInput() {
  return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
}

int RunInvoke(const Context& context, const std::string& name, const std::string& payload) {
  client::UnaryClient client = context.Client();
  v1::InvokeRequest request;
  request.set_name(name);
  request.set_payload(payload == "-" ? ReadStandardInput() : payload);
  request.set_timeout_ms(context.settings().timeout_ms);
  v1::InvokeResponse response;
  const client::Status status = client.Invoke(request, &response);
  if (!status.ok()) return context.Fail(status, fmt::format("cannot invoke \"{}\"", Escape(name)));
  context.PrintBytes(response.payload());
  return kExitOk;
}

int RunKvGet(const Context& context, const std::string& keyspace, const std::string& key) {
  client::UnaryClient client = context.Client();
  v1::GetRequest request;
  request.set_key(key);
  request.set_keyspace(keyspace);
  v1::GetResponse response;
  const client::Status status = client.Get(request, &response);
  if (!status.ok()) return context.Fail(status, fmt::format("cannot get \"{}\"", Escape(key)));
  const bool is_json = context.format() == Format::kJson || context.format() == Format::kJsonLines;
  if (is_json && context.settings().is_format_given) {
    Row row;
    row.key = key;
    row.value = response.value();
    row.revision = response.mod_revision();
    Context::PrintLine(RowToJson(row, true));
  } else {
    context.PrintBytes(response.value());
  }
  return kExitOk;
}

int RunKvPut(const Context& context, const std::string& key, const std::string& value,
             const WriteOptions& options) {
  client::UnaryClient client = context.Client();
  v1::PutRequest request;
  request.set_key(key);
  request.set_keyspace(options.keyspace);
  request.set_value(value == "-" ? ReadStandardInput() : value);
  request.set_durability(options.is_async ? v1::DURABILITY_ASYNC : v1::DURABILITY_SYNC);
  request.set_if_absent(options.if_absent);
  request.set_if_revision(options.if_revision);
  v1::PutResponse response;
  const client::Status status = client.Put(request, &response);
  if (!status.ok()) return context.Fail(status, fmt::format("cannot put \"{}\"", Escape(key)));
  PrintRevision(context, response.revision());
  return kExitOk;
}

int RunKvDelete(const Context& context, const std::vector<std::string>& keys,
                const WriteOptions& options) {
  client::UnaryClient client = context.Client();
  int worst = kExitOk;
  for (const std::string& key : keys) {
    v1::DeleteRequest request;
    request.set_key(key);
    request.set_keyspace(options.keyspace);
    request.set_durability(options.is_async ? v1::DURABILITY_ASYNC : v1::DURABILITY_SYNC);
    request.set_if_revision(options.if_revision);
    v1::DeleteResponse response;
    const client::Status status = client.Delete(request, &response);
    if (status.ok()) {
      PrintRevision(context, response.revision());
    } else {
      worst =
          std::max(worst, context.Fail(status, fmt::format("cannot delete \"{}\"", Escape(key))));
      if (worst == kExitUnreachable) break;
    }
  }
  return worst;
}

int RunKvScan(const Context& context, const ScanOptions& options) {
  if (!options.prefix.empty() && (!options.start.empty() || !options.end.empty())) {
    return Context::Usage("--prefix excludes --start and --end");
  }
  const client::Result<client::Client> session = context.Session();
  if (!session.ok()) return context.Fail(session.status(), "cannot scan");
  const client::ScanOptions wanted = {.start = options.start,
                                      .end = options.end,
                                      .prefix = options.prefix,
                                      .reverse = options.is_reverse,
                                      .keys_only = options.keys_only,
                                      .limit = options.limit,
                                      .filter_name = options.filter_name,
                                      .projection_name = options.projection_name};
  RowPrinter printer(context, options.keys_only);
  const client::Status status = session->store(options.keyspace)
                                    .Scan(wanted, [&](const Row& row) { printer.Print(row); })
                                    .status();
  if (!status.ok()) return context.Fail(status, "cannot scan");
  printer.Finish();
  return kExitOk;
}

}  // namespace belay::ctl
