// Printing and failing; see context.h.
#include "tools/belayctl/context.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <utility>

#include "tools/belayctl/text.h"

namespace belay::ctl {

Context::Context(Settings settings, bool has_header, bool is_terminal)
    : settings_(std::move(settings)), has_header_(has_header), is_terminal_(is_terminal) {}

client::UnaryClient Context::Client() const {
  return client::UnaryClient(settings_.target, settings_.timeout_ms, settings_.token);
}

client::Result<client::Client> Context::Session() const {
  client::ClientOptions options;
  options.client_name = "belayctl";
  options.token = settings_.token;
  options.session_life = client::SessionLife::kEndsWithConnection;
  options.connect_timeout_ms = settings_.timeout_ms;
  return client::Client::Connect(settings_.target, std::move(options));
}

client::UnaryClient Context::PatientClient() const {
  return client::UnaryClient(
      settings_.target, settings_.is_timeout_given ? settings_.timeout_ms : 0, settings_.token);
}

std::string Context::Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  return status.ok() ? json : "{}";
}

void Context::PrintLine(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

void Context::PrintBytes(std::string_view bytes) const {
  if (is_terminal_) {
    std::string_view rest = bytes;
    // A value of several lines is shown as such, each line made harmless.
    for (std::size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      PrintLine(Escape(rest.substr(0, end)));
      rest.remove_prefix(end + 1);
    }
    if (!rest.empty() || bytes.empty()) PrintLine(Escape(rest));
    return;
  }
  std::fwrite(bytes.data(), 1, bytes.size(), stdout);
}

int Context::Usage(const std::string& what) {
  std::fflush(stdout);
  fmt::print(stderr, "belayctl: {}\n", what);
  return kExitUsage;
}

int Context::Fail(const client::Status& status, const std::string& what) const {
  std::fflush(stdout);
  const int exit_code = ExitCodeOf(status);
  std::string text;
  if (exit_code == kExitUnreachable) {
    text = Diagnose(settings_.target, status.message);
  } else {
    text = fmt::format("{}: {}", what,
                       Escape(status.message.empty() ? status.Reason() : status.message));
    if (!status.message.empty()) text += fmt::format(" ({})", Escape(status.Reason()));
    if (status.certainty != client::Certainty::kUnspecified) {
      text += fmt::format(" [{}]", client::CertaintyName(status.certainty));
    }
  }
  switch (status.code) {
    case client::Code::kUnimplemented:
      text +=
          ". This belayd does not know the request: compare the versions with belayctl version.";
      break;
    case client::Code::kDeadlineExceeded:
      text += fmt::format(". Give it longer with --timeout (now {}).", settings_.timeout.value);
      break;
    case client::Code::kPermissionDenied:
    case client::Code::kUnauthenticated:
      text += ". Ask whoever runs belayd for the right, or try as another user.";
      break;
    default: break;
  }
  fmt::print(stderr, "belayctl: {}\n", text);
  return exit_code;
}

}  // namespace belay::ctl
