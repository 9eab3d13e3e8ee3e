// Runs one program on the library and on the model, side by side, and finds the first difference.
//
// Every operation is done to the model first, which says what the library must answer, and tells which
// release functions may run from now on. Calls of inline callbacks run the program's next operations
// inside: how many is an operand.
//
// At the end of a program a Runner ends whatever the program left open, checked as all the rest.
//
// Invariants
//   - Handle number i of the model is real_[i].
//   - After a difference nothing more is checked: model and library are no longer about the same.
//
// Thread safety: a Runner is its thread's. Inline callbacks and those on queues run on that thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "belay/belay.h"
#include "tests/model/programs/dues.h"
#include "tests/model/programs/model.h"
#include "tests/model/programs/op.h"

namespace belay::programs {

// Where a program's library and model first disagreed.
struct Divergence {
  std::size_t op;  // its number in the program; beyond it: in ending what the program left
  std::string text;
};

class Runner {
 public:
  enum class Broker : std::uint8_t { kShared, kOwn };  // is it the program's to close?

  // `barrier` is called after each operation: see Bench. May be null.
  Runner(belay_handle broker, Broker whose, Dues& dues, Alarm& alarm,
         void (*barrier)(belay_handle));

  // Once.
  std::optional<Divergence> Run(const Program& program);
  // After a difference: ends all that there is, whatever that says.
  void Abandon();
  // Operations done, those that ended what was left included.
  std::uint64_t operations() const { return operations_; }
  // Of them, those that the library was expected to do, and did.
  std::uint64_t successes() const { return successes_; }

  // Of a callback that runs on this thread.
  belay_status Body(Context& context, belay_call* call);

 private:
  // A call that is expected to run on this thread.
  struct Frame {
    Id callback;
    std::uint64_t token;  // its request
    int nested = 0;       // operations to do inside
    bool fails = false;
    bool is_over = false;  // in the model, which has counted it from beginning to end
    bool ran = false;
  };
  // An event that Poll() handed out and Finish() is to end.
  struct Handed {
    Id ticket;
    belay_handle queue;
    std::uint64_t id;
  };
  struct CallPlan {
    Id callback;
    Do how;
    int nested;
    bool fails;
  };

  void Step();
  void Do1(const Op& op);
  void EndAll();

  // --- One function for each operation. Id arguments of the second group are handles. ---
  void OpenOwner(const Op& op);
  void Register(const Op& op);
  void Retain(const Op& op);
  void Transfer(const Op& op);
  void Broadcast(const Op& op);
  void Cancel(const Op& op);
  void Suspend(const Op& op);
  void Drain(const Op& op);
  void DrainNotify(const Op& op);
  void Pin(const Op& op);
  void CallPinned(const Op& op);
  void OpenExecutor(const Op& op);
  void Bind(const Op& op);
  void Resolve(const Op& op);
  void Describe(const Op& op);
  void CloseOwner(Id owner, int mode);
  void CloseBroker();
  void Release(Id handle);
  void Unpin(Id pin);
  void Unbind(int name, Id callback);
  void Call(const CallPlan& plan);
  void CallInline(const CallPlan& plan);
  void CallElsewhere(const CallPlan& plan);
  belay_status Make(const CallPlan& plan, std::uint64_t token, Completion* completion);
  void Poll(Id queue);
  void RunQueue(Id queue);
  void Finish(const Handed& handed, bool fails);
  void FinishRelease(const belay_work& work, belay_handle queue);

  // --- Operands ---
  Id Pick(std::uint32_t kind, std::uint8_t operand) const;
  Id PickHolder(std::uint8_t operand) const;
  Id PickAny(std::uint8_t operand) const;
  belay_handle real(Id handle) const;

  // --- Checks ---
  void Diverge(std::string text);
  bool Expect(belay_status wanted, belay_status got, belay_status or_wanted);
  bool Expect(belay_status wanted, belay_status got) { return Expect(wanted, got, wanted); }
  // `make(&handle)` makes a handle if all goes as wanted.
  template <typename F>
  void Made(belay_status wanted, F make);
  void MarkFreed();
  void MarkDropped();
  bool IsClosed(const Model::Callback& callback) const;
  belay_status OrInTheWay(Id callback, belay_status wanted) const;
  Completion& NewCompletion(belay_status wanted);

  const belay_handle broker_;
  const Broker whose_;
  Dues& dues_;
  Alarm& alarm_;
  void (*const barrier_)(belay_handle);
  Model model_;
  const Program* program_ = nullptr;
  std::size_t next_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t successes_ = 0;
  std::uint64_t last_token_ = 0;
  std::optional<Divergence> divergence_;

  std::vector<belay_handle> real_;
  std::vector<Context*> contexts_;        // of callbacks, by number
  std::vector<Completion*> completions_;  // of the model's tickets; null: posted
  std::vector<std::uint64_t> tokens_;     // of the same: what they carry
  std::vector<Handed> handed_;
  std::vector<belay_pin_info> pins_;  // by number of their handle
  std::vector<Frame> frames_;
};

}  // namespace belay::programs
