#include "tests/model/programs/crowd_worker.h"

#include <algorithm>
#include <string>
#include <utility>

namespace belay::programs {
namespace {

constexpr std::size_t kProgramLength = 128;
constexpr std::size_t kMostOwn = 16;

thread_local CrowdWorker* t_worker = nullptr;

}  // namespace

// --- What the library runs ---

belay_status Shared::Call(void* context, belay_call* call) {
  auto& self = *static_cast<Shared*>(context);
  if (self.magic != kMagic) return BELAY_INTERNAL;
  self.in_call.fetch_add(1, std::memory_order_relaxed);
  if (self.releases.load(std::memory_order_relaxed) != 0)
    self.crowd->Violate("R5: called after its release function");
  {
    const std::lock_guard lock(self.plain_mutex);
    ++self.plain;
  }
  CrowdWorker::StepInside();
  if (self.releases.load(std::memory_order_relaxed) != 0)
    self.crowd->Violate("R5: released during a call");
  self.in_call.fetch_sub(1, std::memory_order_relaxed);
  return belay_call_reply(call, call->request, call->request_size);
}

std::int64_t Shared::Typed(void* context, std::int64_t argument) {
  const auto& self = *static_cast<const Shared*>(context);
  if (self.releases.load(std::memory_order_relaxed) != 0)
    self.crowd->Violate("R11: called through a pin after its release function");
  return argument + 1;
}

void Shared::Release(void* context) {
  auto& self = *static_cast<Shared*>(context);
  if (self.in_call.load(std::memory_order_relaxed) != 0)
    self.crowd->Violate("R5: released during a call");
  if (self.pins.load(std::memory_order_acquire) != 0)
    self.crowd->Violate("R11: released while pinned");
  if (self.kept.load(std::memory_order_acquire) > 0 && !self.MayEnd())
    self.crowd->Violate("R2: released while a thread keeps a handle to it");
  self.plain = 0;
  if (self.releases.fetch_add(1, std::memory_order_acq_rel) != 0)
    self.crowd->Violate("R3: released twice");
  self.crowd->released.fetch_add(1, std::memory_order_acq_rel);
}

void Answer::Run(void* answer, const belay_outcome* /*outcome*/) {
  auto& self = *static_cast<Answer*>(answer);
  if (self.runs.fetch_add(1) != 0) self.crowd.Violate("R18: a call ended twice");
  self.crowd.answered.fetch_add(1, std::memory_order_acq_rel);
}

void CrowdWorker::StepInside() {
  CrowdWorker* const self = t_worker;
  if (self == nullptr || self->depth_ != 0 || self->next_ % 8 != 0) return;
  ++self->depth_;
  if (self->next_ < self->program_.size()) self->Do1(self->program_[self->next_++]);
  --self->depth_;
}

// --- Owners ---

Guild* NewGuild(Crowd& crowd, std::size_t place) {
  belay_handle handle = 0;
  if (belay_owner_open(crowd.broker, "guild", &handle) != BELAY_OK)
    crowd.Violate("R12: no owner can be opened");
  const std::lock_guard lock(crowd.guilds_mutex);
  Guild& guild = crowd.all_guilds.emplace_back();
  guild.handle = handle;
  return std::exchange(crowd.guilds[place], &guild);
}

void CloseGuild(Guild& guild) {
  guild.closing.store(true, std::memory_order_release);
  (void)belay_owner_close(guild.handle);
}

const Guild& CrowdWorker::PickGuild(std::uint8_t operand) {
  if (operand % 2 == 0) return crowd_.everybody;
  const std::lock_guard lock(crowd_.guilds_mutex);
  return *crowd_.guilds[operand / 2U % Crowd::kGuilds];
}

// --- The thread ---

void CrowdWorker::Run(std::size_t operations) {
  t_worker = this;
  while (operations_ < operations && !crowd_.violated()) {
    program_ = Generate(next_seed_++, kProgramLength);
    for (next_ = 0; next_ < program_.size() && !crowd_.violated();) Do1(program_[next_++]);
  }
  while (!pins_.empty()) Unpin();
  while (!own_.empty()) LetGo(own_.size() - 1);
  t_worker = nullptr;
}

void CrowdWorker::Do1(const Op& op) {
  ++operations_;
  const Held held = Pick(op.a);
  const auto simple = [&](const char* what, belay_status got, std::uint32_t rights) {
    constexpr std::array kAllowed = {BELAY_DEADLINE_EXCEEDED, BELAY_WOULD_DEADLOCK};
    (void)Judge(what, got, held, rights, kAllowed);
  };
  switch (op.what) {
    case Do::kCloseOwner:
      if (op.b % 8 == 0) CloseGuild(*NewGuild(crowd_, op.a % Crowd::kGuilds));
      return;
    case Do::kRegister: return Register(op);
    case Do::kRetain: return Retain(op);
    case Do::kRelease: return Release(op);
    case Do::kTransfer:
      if (held.kept) return;
      (void)belay_handle_transfer(held.handle, PickGuild(op.b).handle);
      return;
    case Do::kUnregister: return Unregister(held);
    case Do::kInvoke:
    case Do::kSubmit:
    case Do::kPost: return depth_ == 0 ? Call(op) : void();
    case Do::kBroadcast: return depth_ == 0 ? Broadcast(op) : void();
    case Do::kSuspend:
      return simple("suspend", belay_suspend(held.handle, 0), BELAY_RIGHT_UNREGISTER);
    case Do::kResume: return simple("resume", belay_resume(held.handle), BELAY_RIGHT_UNREGISTER);
    case Do::kQuarantine: return simple("quarantine", belay_quarantine(held.handle), 0);
    case Do::kRestore: return simple("restore", belay_restore(held.handle), 0);
    case Do::kDrain: return Drain(held);
    case Do::kPin: return Pin(held);
    case Do::kCallPinned: return CallPinned(op);
    case Do::kUnpin: return pins_.empty() ? void() : Unpin();
    case Do::kBind: return Bind(op, held);
    case Do::kUnbind: (void)belay_name_unbind(crowd_.broker, kCrowdNames[op.b % 4U], 0); return;
    case Do::kResolve: return Resolve(op);
    case Do::kDescribe: return Describe(held);
    // What one thread alone can do is for one thread alone.
    case Do::kOpenOwner:
    case Do::kDetachOwner:
    case Do::kCancel:
    case Do::kDrainNotify:
    case Do::kOpenQueue:
    case Do::kPoll:
    case Do::kFinish:
    case Do::kRunQueue:
    case Do::kOpenStrand:
    case Do::kCloseBroker: --operations_; return;
  }
}

// --- Handles ---

Held CrowdWorker::Pick(std::uint8_t operand) {
  if (operand % 2 == 0 && !own_.empty()) return own_[operand / 2U % own_.size()];
  Crowd::Cell& cell = crowd_.cells[operand / 2U % Crowd::kCells];
  const std::lock_guard lock(cell.mutex);
  return cell.held;
}

// `where` says whether others get the number, too.
void CrowdWorker::Keep(Held held, std::uint8_t where) {
  if (where % 2 == 0) {
    held.kept = false;
    Crowd::Cell& cell = crowd_.cells[where / 2U % Crowd::kCells];
    const std::lock_guard lock(cell.mutex);
    std::swap(cell.held, held);
  }
  if (held.handle == 0) return;
  if (held.kept) held.shared->kept.fetch_add(1, std::memory_order_acq_rel);
  own_.push_back(held);
  if (own_.size() > kMostOwn) LetGo(0);
}

void CrowdWorker::LetGo(std::size_t own) {
  const Held held = own_[own];
  own_.erase(own_.begin() + static_cast<std::ptrdiff_t>(own));
  if (held.kept) held.shared->kept.fetch_sub(1, std::memory_order_acq_rel);
  const belay_status released = belay_release(held.handle);
  if (released == BELAY_OK) ++successes_;
  if (held.kept ? released != BELAY_OK : released != BELAY_OK && released != BELAY_STALE)
    crowd_.Violate(std::string("R2: the release of a handle says ") + belay_status_name(released));
}

belay_status CrowdWorker::Judge(const char* what, belay_status got, const Held& held,
                                std::uint32_t rights, std::span<const belay_status> allowed) {
  if (got == BELAY_OK) {
    ++successes_;
    return got;
  }
  if (held.handle == 0 && got == BELAY_MALFORMED) return got;
  bool fits = std::ranges::find(allowed, got) != allowed.end();
  if (got == BELAY_STALE) fits = !held.kept;
  if (got == BELAY_PERMISSION_DENIED) fits = (held.rights & rights) != rights;
  if (got == BELAY_UNREGISTERED || got == BELAY_FAILED_PRECONDITION)
    fits = fits || held.shared->may_end.load(std::memory_order_acquire);
  if (got == BELAY_OWNER_CLOSED) fits = held.shared->guild->closing.load(std::memory_order_acquire);
  if (!fits) crowd_.Violate(std::string("R4: ") + what + " says " + belay_status_name(got));
  return got;
}

void CrowdWorker::Release(const Op& op) {
  if (op.a % 2 == 0) {
    if (!own_.empty()) LetGo(op.a / 2U % own_.size());
    return;
  }
  // Others find it in its cell still, and may release it at the same moment.
  const Held held = Pick(op.a);
  (void)Judge("release", belay_release(held.handle), held, 0, {});
}

void CrowdWorker::Retain(const Op& op) {
  const Held held = Pick(op.a);
  const Guild& holder = PickGuild(op.b);
  const std::uint32_t rights = op.c % 4 == 0 ? op.c / 4U & BELAY_RIGHTS_ALL & held.rights : 0;
  Held made{.shared = held.shared,
            .rights = rights == 0 ? held.rights : rights,
            .kept = &holder == &crowd_.everybody};
  const belay_status got = belay_retain(held.handle, holder.handle, rights, &made.handle);
  if (got == BELAY_STALE && holder.closing.load(std::memory_order_acquire)) return;
  if (got == BELAY_OWNER_CLOSED && holder.closing.load(std::memory_order_acquire)) return;
  if (Judge("retain", got, held, BELAY_RIGHT_RETAIN, {}) == BELAY_OK) Keep(made, op.c);
}

void CrowdWorker::Describe(const Held& held) {
  belay_handle_info info{};
  info.struct_size = sizeof info;
  const belay_status got = belay_describe(held.handle, &info);
  if (Judge("describe", got, held, 0, {}) == BELAY_OK && info.rights != held.rights)
    crowd_.Violate("R16: a handle's rights have changed");
}

}  // namespace belay::programs
