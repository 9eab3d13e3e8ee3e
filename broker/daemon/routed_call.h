// RoutedCall: a call of a session's client that is more than one run of one callback with its answer: one of a
// name, which goes to the member that the policy chooses, perhaps again to another, or to all of them; or one
// whose answer nobody wants.
//
// Ordinary calls know nothing of it: they are the session's own.
//
// Invariants
//   - It settles exactly once: with the outcome, with what there is at its deadline, or by the caller's giving up.
//   - No member is tried twice. What may have run runs again only if the caller has said that this does no
//     harm; what has answered never does (W4).
//   - A failure says NOT_SENT only if that is so of every attempt.
//   - Of a broadcast each member that the name had at the beginning has its entry, in the order of binding.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/daemon/deadlines.h"
#include "broker/daemon/hub.h"

namespace belay::daemon {

// More than that a call is not tried.
inline constexpr std::uint32_t kMaxAttempts = 16;

// May the callback run twice for one call?
enum class Repeat : std::uint8_t {
  kOnlyIfNotSent,
  kAlsoIfUnknown,  // the caller has declared the call idempotent
};

class RoutedCall final : private Deadlines::Entry, public std::enable_shared_from_this<RoutedCall> {
 public:
  // What is to be called: a name, or (empty) a callback.
  struct Route {
    std::string name;
    registry::Handle handle = 0;
    registry::Handle holder = 0;  // of what is retained on the way
    std::uint32_t max_attempts = 1;
    Repeat repeat = Repeat::kOnlyIfNotSent;
  };
  // What one member of a broadcast has answered.
  struct MemberReply {
    std::string owner_name;
    std::string label;
    registry::Outcome outcome;
  };
  struct Answer {
    registry::Outcome outcome;  // of a broadcast: its status alone, OK if all members have answered
    std::vector<MemberReply> replies;  // of a broadcast
  };
  using Settled = std::function<void(Answer)>;

  // `request.deadline_ns` is set. `settled` is called at most once, perhaps before Start() returns.
  RoutedCall(Hub& hub, Route route, registry::Request request, Settled settled);

  void Start();
  // The caller wants to hear no more of it. What runs is treated as `mode` says; what no host has been sent is
  // taken back.
  void GiveUp(const base::Status& why, OnGiveUp mode);
  // The hosts are asked to give up, and the caller waits on.
  void AskHosts(const base::Status& why);
  // Nobody is there any more to be told.
  void Abandon(const base::Status& why);

 private:
  struct Run {
    HostCall host_call;
    bool is_over = false;
  };

  void OnDeadline() override;
  void Try(registry::Handle handle);
  void AskAll();
  // REQUIRES: runs_[index] is there, and not over.
  void Send(std::size_t index, registry::Handle handle, std::string payload);
  void OnOutcome(std::size_t index, registry::Outcome outcome);
  bool MayTryAgain(const registry::Outcome& outcome) const;
  void CancelRuns(const base::Status& why, OnGiveUp mode);
  void Settle(registry::Outcome outcome);

  Hub& hub_;
  const Route route_;
  registry::Request request_;  // its payload as long as it may be needed again
  Settled settled_;            // null once settled
  std::vector<registry::Handle> tried_;
  registry::Certainty furthest_ = registry::Certainty::kNotSent;  // that an attempt got
  std::vector<Run> runs_;
  std::vector<MemberReply> replies_;  // of a broadcast, one for each run
  std::size_t unanswered_ = 0;
  std::size_t gathered_bytes_ = 0;
};

}  // namespace belay::daemon
