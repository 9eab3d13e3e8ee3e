// What Belay calls: release functions, notices, callbacks, the log.
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "tests/fuzz/world.h"

namespace belay::fuzz {
namespace {

std::int64_t InAMillisecond() {
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
  return std::chrono::nanoseconds(soon.time_since_epoch()).count();
}

// Counts the calls of one context.
class Running {
 public:
  explicit Running(Due& due) : due_(due) {
    const int before = due.running.fetch_add(1);
    if (due.max_concurrency != 0 && before >= due.max_concurrency)
      Violation("R10", "more calls of a callback run than its max_concurrency");
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { --due_.running; }

 private:
  Due& due_;
};

}  // namespace

void Due::Completed(void* context, const belay_outcome* outcome) {
  std::uint64_t sum = 0;  // reads all of the reply: ASan sees whether it may
  for (std::uint64_t i = 0; i < outcome->reply_size; ++i)
    sum += static_cast<const std::uint8_t*>(outcome->reply)[i];
  if ((outcome->status == BELAY_OK) != (outcome->certainty == BELAY_CERTAINTY_NONE) ||
      sum > 1U << 30U)
    Violation("R18", "a call that went well says how far it failed, or the other way round");
  Run(context);
}

void Due::Run(void* context) {
  Due& due = *static_cast<Due*>(context);
  due.is_over = true;
  belay_handle_info info{};
  info.struct_size = sizeof info;
  belay_call call = BELAY_CALL_INIT;
  const std::size_t action = due.action;
  switch (action) {
    case 1: belay_release(due.target); break;
    case 2: belay_unregister(due.target); break;
    case 3: belay_describe(due.target, &info); break;
    case 4: belay_drain(due.target, 1); break;
    case 5:
      // What it would wait for may be itself.
      call.deadline_ns = InAMillisecond();
      if (belay_invoke(due.target, &call) == BELAY_BUFFER_TOO_SMALL)
        belay_call_take(&call, nullptr, 0);
      break;
    case 6:
      if (!due.world.IsLent(due.target)) belay_close(due.target, 1);
      break;
    case 7:
      if (!due.world.IsLent(due.target)) belay_owner_close(due.target);
      break;
    default: break;
  }
  {
    // Counted last, and told under the mutex: the program may end as soon as it is.
    const std::lock_guard lock(due.world.mutex_);
    if (++due.runs > 1) Violation("R3", "a release function ran twice");
    due.world.progress_.notify_all();
  }
  if (action == 8) throw std::runtime_error("a release function that throws");
}

void World::Log(void* /*context*/, std::int32_t level, const char* text) {
  if (level < BELAY_LOG_ERROR || level > BELAY_LOG_INFO || std::strlen(text) == 0)
    Violation("R15", "an empty line, or of no level, was logged");
}

belay_status World::Callback(void* context, belay_call* call) {
  Due& due = *static_cast<Due*>(context);
  if (due.is_over) Violation("R5", "a callback was called after its release function");
  const Running running(due);
  CheckCallInfo(call);
  std::uint64_t sum = 0;  // reads all of the request: ASan sees whether it may
  for (std::uint64_t i = 0; i < call->request_size; ++i)
    sum += static_cast<const std::uint8_t*>(call->request)[i];
  if (std::this_thread::get_id() != due.world.thread_)
    return belay_call_reply(call, &sum, sizeof sum);
  const belay_status answer = due.world.Answer(call);
  if (due.is_over) Violation("R5", "a release function ran during a call");
  errno = kErrno;
  return answer;
}

void World::CheckCallInfo(const belay_call* call) {
  belay_call_details details{};
  details.struct_size = sizeof details;
  if (belay_call_info(call, &details) != BELAY_OK || details.id == 0 ||
      details.deadline_ns != call->deadline_ns || details.caller != call->caller)
    Violation("R9", "a callback does not learn of the call it is given");
  if (details.cancelled == 1 && belay_call_cancelled(call) != 1)
    Violation("R18", "a call was cancelled, and then was not");
}

std::int64_t World::Typed(void* context, std::int64_t argument) {
  if (static_cast<Due*>(context)->is_over)
    Violation("R11", "a typed callback was called after its release function");
  return argument + 1;
}

belay_status World::ReplyWithRow(belay_call* call, const std::string& key) {
  char block[64];
  belay_row row{};
  row.struct_size = sizeof row;
  row.kind = in.OneIn(4) ? BELAY_ROW_DELETE : BELAY_ROW_PUT;
  row.key = key.data();
  row.key_size = key.size();
  std::uint64_t size = 0;
  if (belay_rows_append(block, sizeof block, &size, &row) != BELAY_OK) return BELAY_OK;
  return belay_call_reply(call, block, size);
}

belay_status World::Answer(belay_call* call) {
  Step(in.Below(4));
  const std::string bytes = in.Bytes();
  switch (in.Below(12)) {
    case 1: return BELAY_OK;
    case 2: return belay_call_fail(call, bytes.c_str());
    case 3: return static_cast<belay_status>(in.Byte()) - 64;
    case 4: throw std::runtime_error(bytes);
    case 5: throw 5;
    case 6: call->reply_size = in.Word(); return BELAY_OK;
    case 7: belay_call_fail(call, nullptr); return BELAY_OK;
    case 8:
      belay_call_reply(call, bytes.data(), bytes.size());
      return belay_call_take(call, nullptr, 0);
    case 9: {
      // What a filter of at most 512 rows answers.
      const std::string bitmap(64, static_cast<char>(in.Byte()));
      return belay_call_reply(call, bitmap.data(), in.Below(65));
    }
    // What validators and updates answer: what they were shown, or a row of the program's.
    case 10: return belay_call_reply(call, call->request, call->request_size);
    case 11: return ReplyWithRow(call, bytes);
    default: return belay_call_reply(call, bytes.data(), bytes.size());
  }
}

}  // namespace belay::fuzz
