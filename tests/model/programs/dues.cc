#include "tests/model/programs/dues.h"

#include <algorithm>

#include "tests/model/programs/runner.h"

namespace belay::programs {

void Context::Release(void* context) {
  auto& self = *static_cast<Context*>(context);
  if (self.magic != kMagic) {
    self.alarm.Raise("R3: a release function got a context that is none");
    return;
  }
  if (!self.may_be_released.load(std::memory_order_acquire))
    self.alarm.Raise("R5: a release function ran while its callback was in use");
  self.Ran("R3: a release function ran twice");
}

belay_status Context::Call(void* context, belay_call* call) {
  auto& self = *static_cast<Context*>(context);
  if (self.magic != kMagic || self.runs.load(std::memory_order_acquire) != 0)
    self.alarm.Raise("R5: a callback ran after its release function");
  if (self.place == Place::kInline || self.place == Place::kQueue)
    return self.runner->Body(self, call);
  return belay_call_reply(call, call->request, call->request_size);
}

std::int64_t Context::Typed(void* context, std::int64_t argument) {
  auto& self = *static_cast<Context*>(context);
  if (self.runs.load(std::memory_order_acquire) != 0)
    self.alarm.Raise("R11: a pinned callback's release function has run");
  return argument + self.id;
}

void Notice::Run(void* notice) {
  auto& self = *static_cast<Notice*>(notice);
  if (self.context.runs.load(std::memory_order_acquire) < self.context.least)
    self.alarm.Raise("R7: a drain notice ran before the release function");
  self.Ran("R7: a drain notice ran twice");
}

void Completion::Run(void* completion, const belay_outcome* outcome) {
  auto& self = *static_cast<Completion*>(completion);
  self.status.store(outcome->status, std::memory_order_relaxed);
  self.Ran("R18: a completion ran twice");
}

belay_completion Completion::AsOption() {
  belay_completion option{};
  option.struct_size = sizeof option;
  option.run = &Completion::Run;
  option.context = this;
  return option;
}

bool Dues::HaveCome() const {
  const auto has_come = [](const Due& due) { return due.HasCome(); };
  return std::ranges::all_of(contexts, has_come) && std::ranges::all_of(notices, has_come) &&
         std::ranges::all_of(completions, has_come);
}

std::optional<std::string> Dues::Wrong() const {
  const auto runs = [](const Due& due) {
    return " ran " + std::to_string(due.runs.load()) + " times, not " + std::to_string(due.least) +
           (due.most == due.least ? "" : " or " + std::to_string(due.most));
  };
  for (const Context& it : contexts) {
    if (!it.IsRight())
      return "R3: the release function of callback " + std::to_string(it.id) + runs(it);
  }
  for (const Notice& it : notices) {
    if (!it.IsRight())
      return "R7: a drain notice of callback " + std::to_string(it.context.id) + runs(it);
  }
  for (const Completion& it : completions) {
    if (!it.IsRight()) return "R18: a completion" + runs(it);
    const belay_status status = it.status.load(std::memory_order_relaxed);
    if (it.runs.load() != 0 && status != it.wanted && status != it.or_wanted) {
      return std::string("R18: a call ended as ") + belay_status_name(status) + ", not " +
             belay_status_name(it.wanted);
    }
  }
  return {};
}

}  // namespace belay::programs
