// SimulatedClient: a process that hosts, calls and lets go at random, behind the C++ client's own Line.
//
// What it keeps beside that is what the program knows: its handles, its calls, what it runs. It complains to the
// ledger when the broker says what cannot be: a second reply, Released of what runs or twice, a call
// of what was released, a refused release of what it holds.
//
// Thread safety: none.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "clients/cpp/src/line.h"
#include "tests/model/random.h"
#include "tests/model/session/ledger.h"
#include "tests/model/session/network.h"

namespace belay::model {

class SimulatedClient {
 public:
  // Of the process number `incarnation` of this program.
  SimulatedClient(int number, std::uint64_t incarnation, Random& random, Ledger& ledger);

  // --- What the simulation has it do ---
  void Act();     // something, at random
  void Answer();  // the oldest call that it runs, if there is one
  void ReleaseEverything();
  // Exports may be over without its knowledge; now they are with it.
  void RevokeExports();
  void Say(client::Operation operation) { line_.Add(std::move(operation)); }
  void Ping();
  void Goodbye();
  // Its process dies, at once.
  void Die();

  void Connect(daemon::Hub& hub);
  bool Writes();
  bool Reads();
  // The client learns that its connection is no more.
  void Notices();

  Connection* connection() { return connection_.get(); }
  // Gives up the connection, which the broker may not have noticed yet.
  std::unique_ptr<Connection> TakeConnection() { return std::move(connection_); }
  bool is_up() const { return connection_ != nullptr && line_.is_up(); }
  // Nothing is left to be sent, run or answered.
  bool is_idle() const {
    return !line_.has_unsent() && requests_.empty() && calls_.empty() && runs_.empty();
  }
  std::uint64_t session_id() const { return session_id_; }
  std::size_t handles() const { return handles_.size(); }
  std::size_t hosted() const { return hosted_.size(); }
  std::uint64_t resumed() const { return resumed_; }

 private:
  enum class Kind { kRegister, kHandle, kRelease, kExport, kRevoke };
  struct Request {
    Kind kind;
    std::uint64_t handle = 0;
  };
  struct Run {
    std::uint64_t call_id = 0;
    std::uint64_t handle = 0;
    std::uint64_t call = 0;
  };

  client::Operation Ask(Kind kind, std::uint64_t handle, std::uint64_t* request_id);
  void Register();
  void Resolve();
  void Follow();
  void Watch();
  void Bind();
  void Export();
  void Import();
  void Retain();
  void Release(std::size_t index);
  void Call();
  void Cancel();
  void Apply(const v1::ServerOperation& operation);
  void OnReply(const v1::Reply& reply);
  void OnCall(const v1::Call& call);
  void OnReleased(std::uint64_t handle);
  void OnNameChanged(const v1::NameChanged& change);
  void LoseSession();
  void RepeatWhatArrived(std::uint64_t ack);

  const std::string name_;
  Random& random_;
  Ledger& ledger_;
  client::Line line_;
  std::unique_ptr<Connection> connection_;
  std::deque<v1::ClientFrame> written_;  // the last few, with numbers
  bool said_goodbye_ = false;            // the broker: this session is over
  std::uint64_t session_id_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t resumed_ = 0;
  std::vector<std::uint64_t> handles_;
  std::vector<std::uint64_t> exports_;
  std::map<std::uint64_t, std::uint64_t> versions_;  // of watched names, by watch
  std::map<std::uint64_t, Request> requests_;
  std::map<std::uint64_t, std::uint64_t> calls_;  // call_id to the ledger's number
  std::map<std::uint64_t, int> hosted_;           // runs of each callback not yet Released
  std::vector<Run> runs_;
};

}  // namespace belay::model
