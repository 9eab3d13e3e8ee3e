// SessionNames: what a client has to do with names beyond finding a callback by one (W8): names that it
// follows, bindings that it made, names that it watches. Each is an entry of the session's table.
//
// Invariants
//   - A binding goes with its entry, and so with the session that made it at the latest.
//   - Of one watched name at most one NameChanged waits to be written: a client that does not read costs no
//     more, however often the name changes (W7).
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include "broker/daemon/wire_table.h"
#include "broker/engine/broker.h"

namespace belay::v1 {
class BindName;
class UnbindName;
class WatchName;
}  // namespace belay::v1

namespace belay::daemon {

class Session;

class SessionNames {
 public:
  explicit SessionNames(Session& session) : session_(session) {}

  void OnBind(const v1::BindName& request);
  void OnUnbind(const v1::UnbindName& request);
  void OnWatch(const v1::WatchName& request);
  // Answers with a handle that stands for the name.
  void Follow(std::uint64_t request_id, const std::string& name);
  // The name that an entry of kind kName stands for; null if there is no such entry.
  const std::string* Followed(std::uint64_t number) const;
  // The entry of this number is of one of the kinds here, and leaves the table.
  void Release(std::uint64_t number);
  // Frees all that the session has bound, and ends its watches.
  void End();

 private:
  struct Use {
    std::string name;
    std::uint64_t bound_version = 0;           // of a binding
    std::shared_ptr<engine::NameWatch> watch;  // of a watch
    bool is_telling = false;                   // a NameChanged waits to be written
    bool has_news = false;                     // and there has been a change since
  };

  base::Result<std::uint64_t> Insert(WireTable::Kind kind, Use use);
  void GiveUp(const Use& use);
  void OnChanged(std::uint64_t number);
  void OnTold(std::uint64_t number);
  void Tell(std::uint64_t number, Use& use);

  Session& session_;
  std::unordered_map<std::uint64_t, Use> uses_;
};

// How a name is to be bound, in the wire's numbers. INVALID_ARGUMENT for numbers without a meaning.
base::Result<engine::BindOptions> ToBindOptions(int policy, int on_conflict);

}  // namespace belay::daemon
