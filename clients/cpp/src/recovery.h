// Recovery: what a client puts back into a new session when the last one is over, and under which numbers the
// program knows it (W3).
//
// A program's handles are numbers of the session's table, and of which session: the generation is above
// kWireBits. So a handle of the first session is the broker's own number, and one of a session that
// is over is told from one of now. What was put back keeps the number that the program knows, and is translated.
//
// Invariants
//   - ToWire() never gives a number of one session for another's.
//   - What was released, unregistered or Released is not put back.
//
// Thread safety: none; Session guards it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "belay/client/status.h"
#include "belay/v1/session.pb.h"
#include "clients/cpp/src/hosted.h"

namespace belay::client {

// The request_id or call_id of an operation, of which a client has one sequence; 0 if it has none.
std::uint64_t IdOf(const v1::ClientOperation& operation);
// The handle that an operation gives up, or makes of no use; 0 if it does neither.
std::uint64_t LetGoBy(const v1::ClientOperation& operation);
// A watch, a validator, a binding, or a name that is followed or watched: what it makes is not the broker's to
// remember when the session is over.
bool IsToBePutBack(const v1::ClientOperation& operation);
// REQUIRES: IsToBePutBack(*operation)
void SetIdOfPutBack(v1::ClientOperation* operation, std::uint64_t id);
// Of what is asked of a session that is over.
Status SessionIsOver();

class Recovery {
 public:
  struct Registration {
    v1::Register request;  // without a request_id
    std::shared_ptr<Hosted> hosted;
  };
  // What IsToBePutBack(), with the program's numbers of the handles that it names.
  using Attachment = v1::ClientOperation;

  // The program's number of a handle that the present session gave out.
  std::uint64_t FromWire(std::uint64_t wire) const;
  // The present session's number of a handle of the program's; none if it has none.
  std::optional<std::uint64_t> ToWire(std::uint64_t handle) const;
  // Replaces each handle that `operation` names; false if one is of a session that is over.
  bool Translate(v1::ClientOperation* operation) const;

  // To be put back, until forgotten.
  void Keep(std::uint64_t handle, Registration registration);
  void Keep(std::uint64_t handle, Attachment attachment);
  void Forget(std::uint64_t handle);

  // The last session is over: nothing has a number any more.
  void Begin(std::uint64_t generation);
  std::uint64_t generation() const { return generation_; }
  const std::map<std::uint64_t, Registration>& registrations() const { return registrations_; }
  const std::map<std::uint64_t, Attachment>& attachments() const { return attachments_; }
  void PutBack(std::uint64_t handle, std::uint64_t wire);

 private:
  static constexpr unsigned kWireBits = 40;

  std::uint64_t generation_ = 0;
  std::map<std::uint64_t, Registration> registrations_;
  std::map<std::uint64_t, Attachment> attachments_;
  std::unordered_map<std::uint64_t, std::uint64_t>
      put_back_;  // the present numbers by the program's
  std::unordered_map<std::uint64_t, std::uint64_t> known_as_;  // and the other way round
};

}  // namespace belay::client
