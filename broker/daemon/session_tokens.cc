// Passing callbacks on to clients that do not know their names: by tokens (W2). See exports.h.
#include <algorithm>
#include <utility>

#include "belay/v1/session.pb.h"
#include "broker/daemon/session.h"

namespace belay::daemon {

using base::Code;
using base::Status;
using registry::Registry;

namespace {

constexpr std::uint32_t kDefaultTtlMs = 60'000;
constexpr std::uint32_t kMaxTtlMs = 86'400'000;

// What the importers get, of a handle that has `rights`.
base::Result<std::uint32_t> RightsToExport(std::uint32_t rights, std::uint32_t wanted) {
  if ((rights & registry::kRightExport) == 0) {
    return Status(Code::kPermissionDenied, "the handle does not carry the right to export");
  }
  // Whoever is given a callback may not unregister it, unless that is said.
  if (wanted == 0) return rights & ~std::uint32_t{registry::kRightUnregister};
  if ((wanted & ~rights) != 0) {
    return Status(Code::kPermissionDenied, "the rights " + std::to_string(wanted) +
                                               " are more than those of the handle, " +
                                               std::to_string(rights));
  }
  return wanted;
}

}  // namespace

void Session::OnExport(const v1::Export& request) {
  const std::uint64_t request_id = request.request_id();
  if (RefuseWhileDraining(request_id)) return;
  const auto refuse = [&](const Status& why) { ReplyStatus(request_id, why); };
  const auto entry = table_.FindCallback(request.handle());
  if (!entry.ok()) return refuse(entry.status());
  const auto info = Registry::Describe((*entry)->handle);
  if (!info.ok()) return refuse(info.status());
  const auto rights = RightsToExport(info->rights, request.rights());
  if (!rights.ok()) return refuse(rights.status());
  if (Status room = CheckRoomForHandle(WireTable::Kind::kExport); !room.ok()) return refuse(room);
  if (exported_.size() >= limits_.max_exports) {
    return refuse(Status(Code::kResourceExhausted,
                         "the session has " + std::to_string(exported_.size()) +
                             " exports, max_exports is " + std::to_string(limits_.max_exports),
                         "TOO_MANY_EXPORTS"));
  }
  const auto handle = Registry::Retain((*entry)->handle, owner_, *rights | registry::kRightRetain);
  if (!handle.ok()) return refuse(handle.status());

  const std::uint64_t number = table_.NextNumber();
  const std::uint32_t ttl_ms = request.ttl_ms() == 0 ? kDefaultTtlMs : request.ttl_ms();
  Exports::Terms terms;
  terms.handle = *handle;
  terms.rights = *rights;
  terms.uses = std::max(request.uses(), 1U);
  terms.until_ns =
      hub_.clock().MonotonicNs() + std::int64_t{std::min(ttl_ms, kMaxTtlMs)} * 1'000'000;
  // The session revokes what it has exported before it goes.
  terms.over = [this, number] {
    exported_.erase(number);
    table_.Erase(number);
  };
  std::string token = hub_.exports.Add(std::move(terms));
  table_.Insert(number, {0, WireTable::Kind::kExport});
  v1::Reply& reply = AddReply(request_id, token.size());
  reply.set_handle(number);
  reply.set_token(token);
  exported_.emplace(number, std::move(token));
}

void Session::OnImport(const v1::Import& request) {
  if (RefuseWhileDraining(request.request_id())) return;
  if (Status room = CheckRoomForHandle(WireTable::Kind::kCallback); !room.ok())
    return ReplyStatus(request.request_id(), room);
  HoldAndReply(request.request_id(), hub_.exports.Import(request.token(), owner_),
               WireTable::Kind::kCallback);
}

void Session::RevokeExport(std::uint64_t number) {
  const auto token = exported_.extract(number);
  table_.Erase(number);
  hub_.exports.Revoke(token.mapped());
}

void Session::RevokeExports() {
  for (const auto& [number, token] : std::exchange(exported_, {})) hub_.exports.Revoke(token);
}

}  // namespace belay::daemon
