// Statuses to and from the wire.
#include "clients/cpp/src/wire.h"

#include <memory>

#include "belay/v1/status.pb.h"

namespace belay::client {
namespace {

Certainty CertaintyFromWire(v1::Certainty certainty) {
  switch (certainty) {
    case v1::CERTAINTY_NOT_SENT: return Certainty::kNotSent;
    case v1::CERTAINTY_SENT_UNKNOWN: return Certainty::kSentUnknown;
    case v1::CERTAINTY_STARTED: return Certainty::kStarted;
    default: return Certainty::kUnspecified;
  }
}

}  // namespace

Status FromWire(const v1::Status& wire) {
  if (wire.code() == 0) return Status();
  Status status(CodeFromWire(wire.code()), wire.message(), wire.reason(),
                CertaintyFromWire(wire.certainty()));
  if (wire.has_callee()) {
    const auto callee = std::make_shared<CalleeError>();
    callee->code = wire.callee().code();
    callee->domain = wire.callee().domain();
    for (const auto& [key, value] : wire.callee().metadata()) callee->metadata[key] = value;
    status.callee = callee;
  }
  return status;
}

void ToWire(const Status& status, v1::Status* wire) {
  wire->set_code(static_cast<std::int32_t>(status.code));
  wire->set_reason(std::string(status.Reason()));
  wire->set_message(status.message);
  wire->set_certainty(static_cast<v1::Certainty>(status.certainty));
  if (status.callee == nullptr) return;
  wire->mutable_callee()->set_domain(status.callee->domain);
  auto& metadata = *wire->mutable_callee()->mutable_metadata();
  for (const auto& [key, value] : status.callee->metadata) metadata[key] = value;
}

Status FromGrpc(int code, const std::string& message) {
  if (code == 0) return Status();
  const Code known = CodeFromWire(code);
  return Status(known, message,
                known == Code::kUnavailable ? kConnectionFailed : std::string_view());
}

}  // namespace belay::client
