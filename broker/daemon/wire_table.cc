#include "broker/daemon/wire_table.h"

#include <string>

namespace belay::daemon {

using base::Code;
using base::Result;
using base::Status;

namespace {

const char* KindName(WireTable::Kind kind) {
  switch (kind) {
    case WireTable::Kind::kHosted:
    case WireTable::Kind::kCallback: return "callback";
    case WireTable::Kind::kSubscription: return "subscription";
    case WireTable::Kind::kSnapshot: return "snapshot";
    case WireTable::Kind::kExport: return "export";
    case WireTable::Kind::kName: return "name";
    case WireTable::Kind::kBinding: return "binding";
    case WireTable::Kind::kNameWatch: return "watch of a name";
  }
  return "";
}

Status WrongKind(std::uint64_t number, WireTable::Kind is, WireTable::Kind wanted) {
  return Status(Code::kWrongKind, "handle " + std::to_string(number) + " is a " + KindName(is) +
                                      ", not a " + KindName(wanted));
}

}  // namespace

void WireTable::Insert(std::uint64_t number, Entry entry) {
  entries_.emplace(number, entry);
  ++all_;
  if (entry.kind == Kind::kSnapshot) ++snapshots_;
}

Result<WireTable::Entry*> WireTable::Find(std::uint64_t number) {
  if (const auto found = entries_.find(number); found != entries_.end()) return &found->second;
  const std::string text = "handle " + std::to_string(number);
  if (number != 0 && number <= last_) {
    return Status(Code::kStale, text + " of this session was released");
  }
  return Status(Code::kMalformed, text + " was never given out in this session");
}

Result<WireTable::Entry*> WireTable::Find(std::uint64_t number, Kind kind) {
  auto found = Find(number);
  if (found.ok() && (*found)->kind != kind) return WrongKind(number, (*found)->kind, kind);
  return found;
}

Result<WireTable::Entry*> WireTable::FindCallback(std::uint64_t number) {
  auto found = Find(number);
  if (!found.ok()) return found;
  const Kind kind = (*found)->kind;
  if (kind == Kind::kHosted || kind == Kind::kCallback) return found;
  return WrongKind(number, kind, Kind::kCallback);
}

void WireTable::Erase(std::uint64_t number) {
  const auto found = entries_.find(number);
  if (found == entries_.end()) return;
  if (found->second.kind == Kind::kSnapshot) --snapshots_;
  entries_.erase(found);
  --all_;
}

void WireTable::Clear() {
  all_ -= entries_.size();
  entries_.clear();
  snapshots_ = 0;
}

}  // namespace belay::daemon
