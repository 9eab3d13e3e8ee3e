// What every verb gets: the settings, a client, and the ways to say something.
//
// Results go to standard output and nothing else does; everything else goes to standard error.
//
// Thread safety: none; one thread.
#pragma once

#include <string>
#include <string_view>

#include "belay/client/client.h"
#include "belay/client/status.h"
#include "belay/client/unary.h"
#include "tools/belayctl/exit_code.h"
#include "tools/belayctl/settings.h"
#include "tools/belayctl/table.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace belay::ctl {

class Context {
 public:
  Context(Settings settings, bool has_header, bool is_terminal);

  const Settings& settings() const { return settings_; }
  Format format() const { return settings_.format; }
  // Table or wide.
  bool IsTable() const { return format() == Format::kTable || format() == Format::kWide; }
  bool IsWide() const { return format() == Format::kWide; }
  bool is_terminal() const { return is_terminal_; }
  // Requests end by the timeout of the settings.
  client::UnaryClient Client() const;
  // A session, for what needs one.
  client::Result<client::Client> Session() const;
  // For what takes as long as it takes: no timeout unless one was asked for.
  client::UnaryClient PatientClient() const;

  Table MakeTable(std::vector<Column> columns) const {
    return Table(std::move(columns), has_header_);
  }
  // One line of JSON, field names as in the .proto files, fields of no value included.
  static std::string Json(const google::protobuf::Message& message);
  static void PrintLine(std::string_view text);
  // Bytes as they are; to a terminal escaped, with a newline.
  void PrintBytes(std::string_view bytes) const;

  // Says on standard error what failed, why, and what to do next. Returns the exit code.
  int Fail(const client::Status& status, const std::string& what) const;
  // The command line was wrong.
  static int Usage(const std::string& what);

 private:
  const Settings settings_;
  const bool has_header_;
  const bool is_terminal_;
};

// Why there is no broker at `target`, found out by connecting once, and what to do about it.
std::string Diagnose(const std::string& target, const std::string& otherwise);

}  // namespace belay::ctl
