// The completion queue's thread, its connections and the writer. See stream.h for the rules.
#include "clients/cpp/src/stream.h"

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "belay/v1/session.pb.h"
#include "clients/cpp/src/connection.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

// What an event of the completion queue means.
enum class Event : std::uintptr_t {
  kStarted = 1,
  kRead,
  kWritten,
  kFinished,
  kTimer,
  kHeartbeat,
  kDial,
};

void* Tag(Event event) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(event)); }

// Of a lease, how long to wait before asking for a sign of life.
constexpr std::uint32_t kHeartbeatsPerLease = 3;

// Whose thread this is, if a stream's.
thread_local const void* current_stream = nullptr;

}  // namespace

class Stream::Impl {
 public:
  Impl(std::string target, v1::Hello hello, std::string token)
      : target_(std::move(target)), token_(std::move(token)), line_(std::move(hello)) {}

  void Start(std::shared_ptr<Impl> self, std::shared_ptr<Listener> listener) {
    listener_ = std::move(listener);
    Dial();
    thread_ = std::thread([self = std::move(self)] { self->Loop(); });
  }

  bool Send(Operation operation, std::uint64_t generation) {
    {
      std::scoped_lock lock(mutex_);
      if (is_ended_ || is_half_closing_ || generation != generation_) return false;
      line_.Add(std::move(operation));
    }
    if (!OnOwnThread()) Flush();
    return true;
  }

  bool CanResume() const {
    std::scoped_lock lock(mutex_);
    return line_.can_resume();
  }

  std::size_t WaitingBytes() const {
    std::scoped_lock lock(mutex_);
    return line_.is_up() ? 0 : line_.held_bytes();
  }

  void ArmTimer(std::uint32_t delay_ms) {
    std::scoped_lock lock(mutex_);
    if (is_ended_ || is_timer_armed_) return;
    is_timer_armed_ = true;
    SetAlarm(timer_, delay_ms, Event::kTimer);
  }

  void HalfClose() {
    bool is_up = false;
    {
      std::scoped_lock lock(mutex_);
      is_half_closing_ = true;
      is_up = line_.is_up();
    }
    if (!is_up) return Cancel();
    if (!OnOwnThread()) Flush();
  }

  void Cancel() {
    std::scoped_lock lock(mutex_);
    is_cancelled_ = true;
    if (connection_ != nullptr) connection_->Cancel();
    dial_.Cancel();
  }

  bool WaitEnded(std::uint32_t timeout_ms) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                             [this] { return is_told_; });
  }

  void Join() {
    if (OnOwnThread()) {
      thread_.detach();
    } else if (thread_.joinable()) {
      thread_.join();
    }
  }

  bool OnOwnThread() const { return current_stream == this; }

 private:
  using Clock = std::chrono::steady_clock;

  void SetAlarm(grpc::Alarm& alarm, std::uint32_t delay_ms, Event event) {
    alarm.Set(&queue_, std::chrono::system_clock::now() + std::chrono::milliseconds(delay_ms),
              Tag(event));
  }

  void Dial() {
    auto connection = std::make_unique<Connection>(target_, token_, queue_);
    std::scoped_lock lock(mutex_);
    connection_ = std::move(connection);
    if (is_cancelled_) connection_->Cancel();
    connection_->Start(Tag(Event::kStarted));
  }

  void Loop() {
    current_stream = this;
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
      OnEvent(tag, ok);
      const gpr_timespec now = gpr_inf_past(GPR_CLOCK_REALTIME);
      while (queue_.AsyncNext(&tag, &ok, now) == grpc::CompletionQueue::GOT_EVENT) OnEvent(tag, ok);
      Flush();
    }
    listener_.reset();
  }

  void OnEvent(void* tag, bool ok) {
    switch (static_cast<Event>(reinterpret_cast<std::uintptr_t>(tag))) {
      case Event::kStarted: return ok ? OnStarted() : Finish();
      case Event::kRead: return ok ? OnFrame() : Finish();
      case Event::kWritten: return OnWritten(ok);
      case Event::kTimer: return OnTimer();
      case Event::kHeartbeat: return OnHeartbeat();
      case Event::kDial: return ok ? Dial() : OnOver(Status(Code::kCancelled, "cancelled"));
      case Event::kFinished: is_finished_ = true; return FollowUp();
    }
  }

  void OnStarted() {
    {
      std::scoped_lock lock(mutex_);
      line_.Connect();
      is_writing_ = false;  // true until now: nothing may be written before the call is up
    }
    heard_ = Clock::now();
    connection_->Read(Tag(Event::kRead));
  }

  void OnFrame() {
    heard_ = Clock::now();
    v1::ServerFrame* const frame = connection_->TakeFrame();
    Status status(Code::kInternal, "the broker broke the protocol: a message is no ServerFrame");
    int first_new = 0;
    if (frame != nullptr) {
      std::scoped_lock lock(mutex_);
      const bool was_up = line_.is_up();
      status = line_.OnFrame(*frame, &first_new);
      if (!was_up && line_.is_up()) ArmHeartbeat();
    }
    if (!status.ok()) {
      broken_ = std::move(status);
      connection_->Cancel();
    } else {
      for (int i = first_new; i < frame->operations_size(); ++i)
        listener_->OnOperation(*frame->mutable_operations(i));
    }
    connection_->Read(Tag(Event::kRead));
  }

  void OnWritten(bool ok) {
    {
      std::scoped_lock lock(mutex_);
      --writes_outstanding_;
      // A failed write means a dead connection: the flag stays, so that nothing more is written, and the
      // pending read fails next. So it does after a half-close.
      if (ok && !is_half_closed_) is_writing_ = false;
    }
    FollowUp();
  }

  void OnTimer() {
    {
      std::scoped_lock lock(mutex_);
      is_timer_armed_ = false;
      if (is_ended_) return;
    }
    listener_->OnTimer();
  }

  // REQUIRES: mutex_ held
  void ArmHeartbeat() {
    if (line_.lease_ms() == 0 || is_heartbeat_armed_) return;
    is_heartbeat_armed_ = true;
    SetAlarm(heartbeat_, line_.lease_ms() / kHeartbeatsPerLease + 1, Event::kHeartbeat);
  }

  void OnHeartbeat() {
    std::scoped_lock lock(mutex_);
    is_heartbeat_armed_ = false;
    if (is_ended_ || !line_.is_up()) return;
    if (Clock::now() - heard_ >= std::chrono::milliseconds(line_.lease_ms())) {
      broken_ = Status(Code::kUnavailable,
                       "the broker was silent for " + std::to_string(line_.lease_ms()) + " ms",
                       kConnectionFailed);
      return connection_->Cancel();
    }
    auto ping = std::make_unique<v1::ClientOperation>();
    ping->mutable_ping();
    line_.Add(std::move(ping));
    ArmHeartbeat();
  }

  void Finish() { connection_->Finish(&finish_status_, Tag(Event::kFinished)); }

  // Goes on from a connection that has finished once no write of it is outstanding.
  void FollowUp() {
    {
      std::scoped_lock lock(mutex_);
      if (!is_finished_ || writes_outstanding_ != 0) return;
      is_writing_ = true;
      line_.Disconnect();
    }
    is_finished_ = false;
    const Status status = broken_ ? *std::exchange(broken_, std::nullopt)
                                  : FromGrpc(static_cast<int>(finish_status_.error_code()),
                                             finish_status_.error_message());
    OnOver(status);
  }

  void OnOver(const Status& status) {
    const AfterLoss next = listener_->OnLost(status);
    std::vector<Operation> never_sent;
    std::uint64_t generation = 0;
    {
      std::unique_lock lock(mutex_);
      // A thread that has just started the last write may still be leaving it.
      changed_.wait(lock, [this] { return !is_starting_write_; });
      connection_.reset();
      if (next != AfterLoss::kResume) {
        never_sent = line_.TakeNeverSent();
        generation = ++generation_;
      }
      if (next == AfterLoss::kEnd) {
        is_ended_ = true;
        timer_.Cancel();
        heartbeat_.Cancel();
      }
    }
    if (next == AfterLoss::kEnd) {
      queue_.Shutdown();
      listener_->OnEnded(status, std::move(never_sent));
      {
        std::scoped_lock lock(mutex_);
        is_told_ = true;
      }
      return changed_.notify_all();
    }
    if (next == AfterLoss::kRenew) listener_->OnRenewed(status, std::move(never_sent), generation);
    const std::uint32_t delay_ms = listener_->NextDelayMs();
    std::scoped_lock lock(mutex_);
    SetAlarm(dial_, is_cancelled_ ? 0 : delay_ms, Event::kDial);
  }

  // Writes the next frame, or the half-close that follows the last, if nothing is being written now.
  void Flush() {
    std::shared_ptr<const v1::ClientFrame> frame;
    {
      std::scoped_lock lock(mutex_);
      if (is_writing_ || is_ended_) return;
      frame = line_.Take();
      if (frame == nullptr) {
        if (!is_half_closing_ || is_half_closed_ || !line_.is_up()) return;
        is_half_closed_ = true;
      }
      is_writing_ = is_starting_write_ = true;
      ++writes_outstanding_;
    }
    // Stays until its events have come, of which this write's is one.
    if (frame == nullptr) {
      connection_->WritesDone(Tag(Event::kWritten));
    } else {
      connection_->Write(*frame, Tag(Event::kWritten));
    }
    std::scoped_lock lock(mutex_);
    is_starting_write_ = false;
    changed_.notify_all();
  }

  const std::string target_;
  const std::string token_;
  grpc::CompletionQueue queue_;
  grpc::Alarm timer_;
  grpc::Alarm heartbeat_;
  grpc::Alarm dial_;
  std::thread thread_;

  // The stream's thread only.
  std::shared_ptr<Listener> listener_;
  grpc::Status finish_status_;
  std::optional<Status> broken_;  // why it was given up from this end
  bool is_finished_ = false;
  Clock::time_point heard_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Line line_;
  std::uint64_t generation_ = 0;
  std::unique_ptr<Connection> connection_;
  int writes_outstanding_ = 0;
  bool is_writing_ = true;
  bool is_starting_write_ = false;
  bool is_timer_armed_ = false;
  bool is_heartbeat_armed_ = false;
  bool is_half_closing_ = false;
  bool is_half_closed_ = false;
  bool is_cancelled_ = false;
  bool is_ended_ = false;
  bool is_told_ = false;
};

Stream::Stream(std::string target, v1::Hello hello, std::string token)
    : impl_(std::make_shared<Impl>(std::move(target), std::move(hello), std::move(token))) {}
Stream::~Stream() = default;
void Stream::Start(std::shared_ptr<Listener> listener) { impl_->Start(impl_, std::move(listener)); }
bool Stream::Send(Operation operation, std::uint64_t generation) {
  return impl_->Send(std::move(operation), generation);
}
bool Stream::CanResume() const { return impl_->CanResume(); }
std::size_t Stream::WaitingBytes() const { return impl_->WaitingBytes(); }
void Stream::ArmTimer(std::uint32_t delay_ms) { impl_->ArmTimer(delay_ms); }
void Stream::HalfClose() { impl_->HalfClose(); }
void Stream::Cancel() { impl_->Cancel(); }
bool Stream::WaitEnded(std::uint32_t timeout_ms) { return impl_->WaitEnded(timeout_ms); }
void Stream::Join() { impl_->Join(); }
bool Stream::OnOwnThread() const { return impl_->OnOwnThread(); }

}  // namespace belay::client
