// Operands, checks and the end of a program; runner_lives.cc and runner_calls.cc have the operations.
#include "tests/model/programs/runner.h"

#include <algorithm>
#include <array>

namespace belay::programs {
namespace {

constexpr std::size_t kMostNested = 3;
constexpr belay_handle kForgedHandle = 0x7f00'0000'0000'0001;
// How far back an operand may reach: further, and most of what it finds is stale.
constexpr Id kReach = 8;

}  // namespace

Runner::Runner(belay_handle broker, Broker whose, Dues& dues, Alarm& alarm,
               void (*barrier)(belay_handle))
    : broker_(broker), whose_(whose), dues_(dues), alarm_(alarm), barrier_(barrier) {
  real_.push_back(broker);
}

std::optional<Divergence> Runner::Run(const Program& program) {
  program_ = &program;
  while (next_ < program.size() && !divergence_) Step();
  if (!divergence_) EndAll();
  return divergence_;
}

void Runner::Step() {
  if (next_ >= program_->size() || divergence_) return;
  Do1((*program_)[next_++]);
  if (barrier_ != nullptr && !divergence_) barrier_(model_.closed() ? 0 : broker_);
  if (alarm_.text() != nullptr) Diverge(alarm_.text());
}

void Runner::Do1(const Op& op) {
  ++operations_;
  const auto nested = frames_.size() < kMostNested && op.b >= 128 ? op.b % 4 : 0;
  const auto call = [&](Do how) {
    Call({Pick(BELAY_KIND_CALLBACK, op.a), how, nested, op.c % 8 == 0});
  };
  const Id callback = Pick(BELAY_KIND_CALLBACK, op.a);
  const auto expect = [&](belay_status (Model::*in_model)(Id),
                          belay_status (*in_library)(belay_handle)) {
    const belay_status wanted = (model_.*in_model)(callback);
    MarkFreed();
    (void)Expect(wanted, in_library(real(callback)));
  };
  switch (op.what) {
    case Do::kOpenOwner: return OpenOwner(op);
    case Do::kCloseOwner: return CloseOwner(Pick(BELAY_KIND_OWNER, op.a), BELAY_DETACH_RELEASE);
    case Do::kDetachOwner: return CloseOwner(Pick(BELAY_KIND_OWNER, op.a), BELAY_DETACH_DROP);
    case Do::kRegister: return Register(op);
    case Do::kRetain: return Retain(op);
    case Do::kRelease: return Release(op.b < 160 ? callback : PickAny(op.a));
    case Do::kTransfer: return Transfer(op);
    case Do::kUnregister: return expect(&Model::Unregister, &belay_unregister);
    case Do::kInvoke:
    case Do::kSubmit:
    case Do::kPost: return call(op.what);
    case Do::kBroadcast: return Broadcast(op);
    case Do::kCancel: return Cancel(op);
    case Do::kSuspend: return Suspend(op);
    case Do::kResume: return expect(&Model::Resume, &belay_resume);
    case Do::kQuarantine: return expect(&Model::Quarantine, &belay_quarantine);
    case Do::kRestore: return expect(&Model::Restore, &belay_restore);
    case Do::kDrain: return Drain(op);
    case Do::kDrainNotify: return DrainNotify(op);
    case Do::kPin: return Pin(op);
    case Do::kCallPinned: return CallPinned(op);
    case Do::kUnpin: return Unpin(Pick(BELAY_KIND_PIN, op.a));
    case Do::kOpenQueue:
    case Do::kOpenStrand: return OpenExecutor(op);
    case Do::kPoll: return Poll(Pick(BELAY_KIND_QUEUE, op.a));
    case Do::kFinish:
      if (handed_.empty()) return;
      return Finish(
          handed_[handed_.size() - 1 - op.a % std::min<std::size_t>(kReach, handed_.size())],
          op.b % 4 == 0);
    case Do::kRunQueue: return RunQueue(Pick(BELAY_KIND_QUEUE, op.a));
    case Do::kBind: return Bind(op);
    case Do::kUnbind: return Unbind(op.b % kNameCount, op.c % 2 == 0 ? kNone : callback);
    case Do::kResolve: return Resolve(op);
    case Do::kDescribe: return Describe(op);
    case Do::kCloseBroker:
      if (whose_ == Broker::kOwn) CloseBroker();
      return;
  }
}

// What the program left open: calls that were handed out first, then pins, which nothing else ends.
void Runner::EndAll() {
  for (std::size_t i = 0; i < handed_.size() && !divergence_; ++i)
    Finish(Handed(handed_[i]), false);
  for (Id id = 0; id < model_.handles() && !divergence_; ++id) {
    if (model_.handle(id).open && model_.handle(id).kind == BELAY_KIND_PIN) Unpin(id);
  }
  if (!model_.closed()) {
    for (int name = 0; name < kNameCount && !divergence_; ++name) Unbind(name, kNone);
    if (whose_ == Broker::kOwn && !divergence_) CloseBroker();
  }
  for (Id id = 1; id < model_.handles() && !divergence_; ++id) {
    if (!model_.handle(id).open) continue;
    if (model_.handle(id).kind == BELAY_KIND_OWNER) {
      CloseOwner(id, BELAY_DETACH_RELEASE);
    } else {
      Release(id);
    }
  }
  if (barrier_ != nullptr && !divergence_ && whose_ == Broker::kShared) barrier_(broker_);
  for (std::size_t i = 0; i < completions_.size(); ++i) {
    if (completions_[i] == nullptr) continue;
    const Model::Ticket& ticket = model_.ticket(static_cast<Id>(i));
    completions_[i]->wanted = ticket.outcome;
    completions_[i]->or_wanted = ticket.or_outcome;
  }
  for (const Context* context : contexts_) {
    if (!context->may_be_released.load()) Diverge("R3: a callback is not free when all is over");
  }
}

void Runner::Abandon() {
  for (const Handed& handed : handed_) {
    belay_result result{};
    result.struct_size = sizeof result;
    result.id = handed.id;
    (void)belay_queue_finish(handed.queue, &result, 1);
  }
  for (std::size_t i = real_.size(); i-- > 1;) {
    (void)belay_release(real_[i]);
    (void)belay_owner_close(real_[i]);
  }
}

// --- Operands ---

Id Runner::Pick(std::uint32_t kind, std::uint8_t operand) const {
  if (operand >= 248) return PickAny(operand);
  Id left = operand % kReach;
  // One time in four it may be one that is closed.
  const bool only_open = operand / kReach % 4 != 0;
  Id found = kBroker;
  for (Id id = model_.handles() - 1; id >= 0; --id) {
    if (model_.handle(id).kind != kind || (only_open && !model_.handle(id).open)) continue;
    found = id;
    if (left-- == 0) break;
  }
  return found;
}

Id Runner::PickHolder(std::uint8_t operand) const {
  return operand % 8 == 7 ? kBroker : Pick(BELAY_KIND_OWNER, operand);
}

Id Runner::PickAny(std::uint8_t operand) const {
  if (operand == 255) return kForged;
  return model_.handles() - 1 - operand % std::min<Id>(3 * kReach, model_.handles());
}

belay_handle Runner::real(Id handle) const {
  return handle == kForged ? kForgedHandle : real_[static_cast<std::size_t>(handle)];
}

// --- Checks ---

void Runner::Diverge(std::string text) {
  if (!divergence_) divergence_ = {next_ == 0 ? 0 : next_ - 1, std::move(text)};
}

bool Runner::Expect(belay_status wanted, belay_status got, belay_status or_wanted) {
  if (got == BELAY_OK) ++successes_;
  if (got == wanted || got == or_wanted) return true;
  // All handles of a closed broker are stale, or of a closed broker.
  if (model_.closed() && wanted == BELAY_STALE && got == BELAY_CLOSED) return true;
  belay_error error{};
  error.struct_size = sizeof error;
  const bool told = got != BELAY_OK && belay_last_error(&error) == BELAY_OK;
  Diverge(std::string("R4: the model says ") + belay_status_name(wanted) + ", the library " +
          belay_status_name(got) + (told ? std::string(": ") + error.message : ""));
  return false;
}

void Runner::MarkFreed() {
  for (const Id id : model_.freed())
    contexts_[static_cast<std::size_t>(id)]->may_be_released.store(true, std::memory_order_release);
  model_.freed().clear();
}

void Runner::MarkDropped() {
  for (Context* context : contexts_) {
    const Model::Callback& callback = model_.callback(context->id);
    if (callback.dropped) context->least = context->most = 0;
    if (callback.may_be_dropped) context->least = 0;
  }
}

bool Runner::IsClosed(const Model::Callback& callback) const {
  return callback.queue != kNone && !model_.executor(callback.queue).open;
}

Completion& Runner::NewCompletion(belay_status wanted) {
  Completion& completion = dues_.completions.emplace_back(alarm_);
  completion.wanted = completion.or_wanted = wanted;
  return completion;
}

}  // namespace belay::programs
