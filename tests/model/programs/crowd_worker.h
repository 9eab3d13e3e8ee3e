// One thread of a crowd (crowd.h): does the operations of programs to callbacks that others share.
//
// Thread safety: a CrowdWorker is its thread's. NewGuild() and CloseGuild() are any thread's.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "tests/model/programs/crowd.h"
#include "tests/model/programs/op.h"

namespace belay::programs {

inline constexpr std::array<const char*, 4> kCrowdNames = {"a", "b", "c", "d"};

// Opens one of the owners that threads share; returns the one in whose place it comes, null at first.
Guild* NewGuild(Crowd& crowd, std::size_t place);
void CloseGuild(Guild& guild);

class CrowdWorker {
 public:
  CrowdWorker(Crowd& crowd, std::uint64_t seed) : crowd_(crowd), next_seed_(seed) {}
  CrowdWorker(const CrowdWorker&) = delete;
  CrowdWorker& operator=(const CrowdWorker&) = delete;

  // Programs of so many operations in all, then the end of all that is this thread's own.
  void Run(std::size_t operations);
  std::uint64_t operations() const { return operations_; }
  std::uint64_t successes() const { return successes_; }

  // In a call on this thread: some operations of the program, none of which calls.
  static void StepInside();

 private:
  struct Pinned {
    belay_pin_info info;
    Shared* shared;
  };

  void Do1(const Op& op);
  void Register(const Op& op);
  void Retain(const Op& op);
  void Release(const Op& op);
  void Call(const Op& op);
  void Broadcast(const Op& op);
  void Unregister(const Held& held);
  void Drain(const Held& held);
  void Pin(const Held& held);
  void CallPinned(const Op& op);
  void Unpin();
  void Bind(const Op& op, const Held& held);
  void Resolve(const Op& op);
  void Describe(const Held& held);

  // The operand's handle: one of this thread's, or of those that all have.
  Held Pick(std::uint8_t operand);
  const Guild& PickGuild(std::uint8_t operand);
  void Keep(Held held, std::uint8_t where);
  void LetGo(std::size_t own);
  Answer* NewAnswer();
  // R4: `got` is OK, one of `allowed`, or a reason for which `held` may be refused, lacking `rights`.
  belay_status Judge(const char* what, belay_status got, const Held& held, std::uint32_t rights,
                     std::span<const belay_status> allowed);

  Crowd& crowd_;
  std::uint64_t next_seed_;
  std::uint64_t operations_ = 0;
  std::uint64_t successes_ = 0;
  Program program_;
  std::size_t next_ = 0;
  int depth_ = 0;
  std::vector<Held> own_;
  std::vector<Pinned> pins_;
  std::deque<Shared> contexts_;
  std::deque<Answer> answers_;
};

}  // namespace belay::programs
