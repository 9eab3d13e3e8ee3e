// Calls, and what a queue's host does with them.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <thread>

#include "tests/model/programs/runner.h"

namespace belay::programs {
namespace {

constexpr std::uint64_t kMostAtOnce = 64;

// For a completion that comes from another thread, soon.
bool Await(const Completion& completion) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!completion.HasCome()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

belay_status Runner::Body(Context& context, belay_call* call) {
  std::uint64_t token = 0;
  if (call->request_size == sizeof token) std::memcpy(&token, call->request, sizeof token);
  const auto frame = std::ranges::find_if(frames_, [&](const Frame& it) {
    return it.callback == context.id && it.token == token && !it.ran;
  });
  if (frame == frames_.end()) {
    Diverge("R4: a callback ran that nobody had called");
    return BELAY_INTERNAL;
  }
  frame->ran = true;
  const Frame running = *frame;  // others come and go above it
  for (int left = running.nested; left > 0; --left) Step();
  if (barrier_ != nullptr && !divergence_) barrier_(model_.closed() ? 0 : broker_);
  const bool fails = running.fails;
  if (!running.is_over) {
    model_.EndInline(context.id, fails);
    MarkFreed();
  }
  if (fails) return belay_call_fail(call, "as the program says");
  return belay_call_reply(call, &token, sizeof token);
}

// The call itself, by whatever function. Its reply, if there is one here, is its request.
belay_status Runner::Make(const CallPlan& plan, std::uint64_t token, Completion* completion) {
  std::uint64_t reply = 0;
  belay_call call = BELAY_CALL_INIT;
  call.request = &token;
  call.request_size = sizeof token;
  if (plan.how == Do::kPost) return belay_post(real(plan.callback), &call);
  if (plan.how == Do::kSubmit) {
    if (completion == nullptr) return belay_submit(real(plan.callback), &call, nullptr, nullptr);
    const belay_completion option = completion->AsOption();
    return belay_submit(real(plan.callback), &call, &option, &completion->call_id);
  }
  call.reply = &reply;
  call.reply_capacity = sizeof reply;
  const belay_status status = belay_invoke(real(plan.callback), &call);
  if (status == BELAY_OK && reply != token) Diverge("R4: a call's reply is another's");
  return status;
}

// As likely as `wanted`: what a closing queue has not yet refused is in the way of others.
belay_status Runner::OrInTheWay(Id callback, belay_status wanted) const {
  const bool in_the_way =
      wanted == BELAY_QUARANTINED && IsClosed(model_.callback(model_.handle(callback).object));
  return in_the_way ? BELAY_RESOURCE_EXHAUSTED : wanted;
}

void Runner::Call(const CallPlan& plan) {
  const auto door = plan.how == Do::kInvoke ? Model::Door::kInvoke : Model::Door::kSubmit;
  const belay_status wanted = model_.Admit(plan.callback, door);
  if (wanted != BELAY_OK) {
    Completion* completion = nullptr;
    if (plan.how == Do::kSubmit) {
      completion = &NewCompletion(wanted);
      completion->least = completion->most = 0;
    }
    (void)Expect(wanted, Make(plan, ++last_token_, completion), OrInTheWay(plan.callback, wanted));
    return;
  }
  if (model_.callback(model_.handle(plan.callback).object).spec.place == Place::kInline) {
    CallInline(plan);
  } else {
    CallElsewhere(plan);
  }
}

void Runner::CallInline(const CallPlan& plan) {
  const belay_status ending = plan.fails ? BELAY_CALLBACK_FAILED : BELAY_OK;
  Completion* const completion = plan.how == Do::kSubmit ? &NewCompletion(ending) : nullptr;
  model_.BeginInline(plan.callback);
  MarkFreed();
  const std::size_t depth = frames_.size();
  const std::uint64_t token = ++last_token_;
  frames_.push_back({.callback = model_.handle(plan.callback).object,
                     .token = token,
                     .nested = plan.nested,
                     .fails = plan.fails});
  const belay_status got = Make(plan, token, completion);
  const bool ran = frames_[depth].ran;
  frames_.resize(depth);
  if (!Expect(plan.how == Do::kInvoke ? ending : BELAY_OK, got)) return;
  if (!ran) Diverge("R4: a call that was taken did not run");
  if (completion != nullptr && !completion->HasCome())
    Diverge("R18: an inline call was submitted, and has not ended");
}

void Runner::CallElsewhere(const CallPlan& plan) {
  const Model::Callback& callback = model_.callback(model_.handle(plan.callback).object);
  // Closing follows the release of a queue or strand when it can: until then it takes calls, and refuses them
  // afterwards.
  const bool closing = IsClosed(callback);
  const bool queued = callback.spec.place == Place::kQueue;
  CallPlan taken = plan;
  if (queued && plan.how == Do::kInvoke) taken.how = Do::kSubmit;  // nobody would answer meanwhile
  if (!queued && plan.how == Do::kPost)
    taken.how = Do::kSubmit;  // nobody would know when it has ended
  const std::uint64_t token = ++last_token_;
  if (taken.how == Do::kInvoke) {
    (void)Expect(BELAY_OK, Make(taken, token, nullptr), closing ? BELAY_CLOSED : BELAY_OK);
    return;
  }
  const bool asks = taken.how == Do::kSubmit;
  Completion* const completion =
      asks ? &NewCompletion(closing && queued ? BELAY_CLOSED : BELAY_OK) : nullptr;
  if (completion != nullptr && closing) completion->or_wanted = BELAY_CLOSED;
  const belay_status got = Make(taken, token, completion);
  if (closing && got == BELAY_RESOURCE_EXHAUSTED) {
    completion == nullptr ? void() : void(completion->least = completion->most = 0);
    return;
  }
  if (!Expect(BELAY_OK, got, closing ? BELAY_CLOSED : BELAY_OK)) return;
  if (got != BELAY_OK) {
    if (completion != nullptr) completion->least = completion->most = 0;
    return;
  }
  if (!queued) {
    if (completion != nullptr && !Await(*completion))
      Diverge("R18: a call on a pool or strand does not end");
    return;
  }
  if (closing) return;
  const Id ticket = model_.Enqueue(plan.callback);
  completions_.resize(static_cast<std::size_t>(ticket) + 1);
  completions_.back() = completion;
  tokens_.resize(completions_.size());
  tokens_.back() = token;
}

// a: the first of b % 3 + 1 callbacks. None of them nests or fails; those that run on a queue are left out.
void Runner::Broadcast(const Op& op) {
  std::array<belay_handle, 3> handles{};
  std::array<belay_status, 3> wanted{};
  std::array<belay_status, 3> or_wanted{};
  std::array<belay_status, 3> got{};
  std::size_t count = 0;
  const std::size_t depth = frames_.size();
  const std::uint64_t token = ++last_token_;
  for (unsigned i = 0; i <= op.b % 3U; ++i) {
    const Id callback = Pick(BELAY_KIND_CALLBACK, static_cast<std::uint8_t>(op.a + i));
    const belay_status admitted = model_.Admit(callback, Model::Door::kSubmit);
    if (admitted == BELAY_OK) {
      const Id id = model_.handle(callback).object;
      if (model_.callback(id).spec.place != Place::kInline) continue;
      model_.BeginInline(callback);
      model_.EndInline(id, false);
      MarkFreed();
      frames_.push_back({.callback = id, .token = token, .is_over = true});
    }
    wanted[count] = admitted;
    or_wanted[count] = OrInTheWay(callback, admitted);
    handles[count++] = real(callback);
  }
  belay_call call = BELAY_CALL_INIT;
  call.request = &token;
  call.request_size = sizeof token;
  (void)Expect(BELAY_OK, belay_broadcast(handles.data(), count, &call, nullptr, got.data()));
  for (std::size_t i = 0; i < count; ++i) (void)Expect(wanted[i], got[i], or_wanted[i]);
  for (std::size_t i = depth; i < frames_.size(); ++i) {
    if (!frames_[i].ran) Diverge("R4: a broadcast left out a callback that takes calls");
  }
  frames_.resize(depth);
}

// a: which of the calls that were queued; b: how.
void Runner::Cancel(const Op& op) {
  if (completions_.empty()) return;
  const std::size_t ticket = completions_.size() - 1 - op.a % completions_.size();
  if (completions_[ticket] == nullptr) return;
  const int mode = op.b % 2 == 0 ? BELAY_CANCEL_FORGET : BELAY_CANCEL_ASK;
  const bool either = model_.IsClosing(static_cast<Id>(ticket));
  const belay_status wanted = model_.Cancel(static_cast<Id>(ticket), mode);
  const belay_status got = belay_call_cancel(completions_[ticket]->call_id, mode);
  if (either && (got == BELAY_OK || got == BELAY_NOT_FOUND)) return;
  (void)Expect(wanted, got);
}

// a: owner; b: how many calls it holds.
void Runner::OpenExecutor(const Op& op) {
  const Id owner = PickHolder(op.a);
  belay_executor_options options{};
  options.struct_size = sizeof options;
  options.name = "executor";
  const bool is_queue = op.what == Do::kOpenQueue;
  options.max_calls = is_queue ? 1U + op.b % 4U : 1024;
  belay_handle made = 0;
  const belay_status wanted =
      model_.OpenExecutor(owner, is_queue ? BELAY_KIND_QUEUE : BELAY_KIND_STRAND,
                          static_cast<std::uint32_t>(options.max_calls));
  const belay_status got =
      (is_queue ? belay_queue_open : belay_strand_open)(real(owner), &options, &made);
  if (!Expect(wanted, got) || wanted != BELAY_OK) return;
  real_.push_back(made);
  pins_.resize(real_.size());
}

void Runner::Poll(Id queue) {
  std::vector<Id> taken;
  const belay_status wanted = model_.Poll(queue, &taken);
  MarkFreed();
  std::array<belay_work, kMostAtOnce> events{};
  std::uint64_t count = kMostAtOnce;
  std::size_t calls = 0;
  while (count == kMostAtOnce && !divergence_) {
    events[0].struct_size = sizeof(belay_work);
    count = 0;
    if (!Expect(wanted, belay_queue_poll(real(queue), events.data(), kMostAtOnce, 0, &count)))
      return;
    for (std::size_t i = 0; i < count && !divergence_; ++i) {
      if (events[i].kind == BELAY_WORK_RELEASE) {
        FinishRelease(events[i], real(queue));
        continue;
      }
      const auto* context = static_cast<const Context*>(events[i].context);
      std::uint64_t token = 0;
      std::memcpy(&token, events[i].call->request, sizeof token);
      if (calls == taken.size() || context->id != model_.ticket(taken[calls]).callback ||
          token != tokens_[static_cast<std::size_t>(taken[calls])])
        return Diverge("R10: a queue handed out a call that is not the next");
      handed_.push_back({taken[calls++], real(queue), events[i].id});
    }
  }
  if (calls != taken.size()) Diverge("R10: a queue kept a call that it was asked for");
}

void Runner::FinishRelease(const belay_work& work, belay_handle queue) {
  const Id id = static_cast<const Context*>(work.context)->id;
  work.release(work.context);
  belay_result result{};
  result.struct_size = sizeof result;
  result.id = work.id;
  (void)Expect(BELAY_OK, belay_queue_finish(queue, &result, 1));
  model_.Drained(id);
}

// All that there is, here.
void Runner::RunQueue(Id queue) {
  std::vector<Id> taken;
  const belay_status wanted = model_.Poll(queue, &taken);
  const std::size_t depth = frames_.size();
  for (const Id ticket : taken) {
    const Id callback = model_.ticket(ticket).callback;
    const std::uint64_t token = tokens_[static_cast<std::size_t>(ticket)];
    frames_.push_back({.callback = callback, .token = token, .is_over = true});
    (void)model_.Finish(ticket, BELAY_OK);
  }
  MarkFreed();
  std::uint64_t count = 0;
  constexpr std::uint64_t kMost = 1'000;
  const belay_status got = belay_queue_run(real(queue), kMost, 0, &count);
  for (std::size_t i = depth; i < frames_.size(); ++i) {
    if (!frames_[i].ran) Diverge("R10: a queue kept a call that it was to run");
  }
  frames_.resize(depth);
  if (!Expect(wanted, got)) return;
  for (const Context* context : contexts_) {
    if (context->place == Place::kQueue && model_.IsFree(context->id) && context->runs.load() != 0)
      model_.Drained(context->id);
  }
}

void Runner::Finish(const Handed& handed, bool fails) {
  const std::uint64_t token = tokens_[static_cast<std::size_t>(handed.ticket)];
  belay_result result{};
  result.struct_size = sizeof result;
  result.status = fails ? BELAY_CALLBACK_FAILED : BELAY_OK;
  result.id = handed.id;
  result.reply = &token;
  result.reply_size = sizeof token;
  const belay_status wanted = model_.Finish(handed.ticket, result.status);
  MarkFreed();
  (void)Expect(wanted, belay_queue_finish(handed.queue, &result, 1));
}

}  // namespace belay::programs
