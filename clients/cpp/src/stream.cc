// The completion queue's thread and the writer. See stream.h for the rules.
#include "clients/cpp/src/stream.h"

#include <grpcpp/alarm.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "belay/v1/session.grpc.pb.h"
#include "clients/cpp/src/channel.h"
#include "clients/cpp/src/wire.h"

namespace belay::client {
namespace {

// What an event of the completion queue means.
enum class Event : std::uintptr_t { kStarted = 1, kRead, kWritten, kHalfClosed, kFinished, kTimer };

void* Tag(Event event) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(event)); }

// An acknowledgement of its own is sent when this many operations came and nothing went out.
constexpr std::uint64_t kAckEvery = 1024;
// Room for a frame's own fields and an operation's tag and length.
constexpr std::size_t kFrameOverheadBytes = 64;
constexpr std::size_t kOperationOverheadBytes = 16;

// Whose thread this is, if a stream's.
thread_local const void* current_stream = nullptr;

}  // namespace

class Stream::Impl {
 public:
  explicit Impl(const std::string& target) : stub_(v1::Broker::NewStub(MakeChannel(target))) {}

  void Start(std::shared_ptr<Impl> self, std::shared_ptr<Listener> listener) {
    listener_ = std::move(listener);
    stream_ = stub_->PrepareAsyncSession(&context_, &queue_);
    stream_->StartCall(Tag(Event::kStarted));
    thread_ = std::thread([self = std::move(self)] { self->Loop(); });
  }

  bool Send(Operation operation) {
    const std::size_t size = operation->ByteSizeLong() + kOperationOverheadBytes;
    {
      std::scoped_lock lock(mutex_);
      if (is_ended_ || is_half_closing_) return false;
      outbox_.push_back({std::move(operation), size});
    }
    if (!OnOwnThread()) Flush();
    return true;
  }

  void ArmTimer(std::uint32_t delay_ms) {
    std::scoped_lock lock(mutex_);
    if (is_ended_ || is_timer_armed_) return;
    is_timer_armed_ = true;
    alarm_.Set(&queue_, std::chrono::system_clock::now() + std::chrono::milliseconds(delay_ms),
               Tag(Event::kTimer));
  }

  void SetMaxFrameBytes(std::uint32_t max_bytes) {
    std::scoped_lock lock(mutex_);
    if (max_bytes != 0) max_frame_bytes_ = max_bytes;
  }

  void HalfClose() {
    {
      std::scoped_lock lock(mutex_);
      is_half_closing_ = true;
    }
    if (!OnOwnThread()) Flush();
  }

  void Cancel() { context_.TryCancel(); }

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
  struct Queued {
    Operation operation;
    std::size_t size = 0;
  };

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
      case Event::kHalfClosed: return;
      case Event::kTimer: return OnTimer();
      case Event::kFinished: return OnFinished();
    }
  }

  void OnStarted() {
    {
      std::scoped_lock lock(mutex_);
      is_writing_ = false;  // true until now: nothing may be written before the call is up
    }
    stream_->Read(&inbox_, Tag(Event::kRead));
  }

  void OnFrame() {
    const auto count = static_cast<std::uint64_t>(inbox_.operations_size());
    if (count != 0 && inbox_.first_sequence() != received_ + 1) {
      broken_ = Status(Code::kInternal, "the broker's frame starts at operation " +
                                            std::to_string(inbox_.first_sequence()) +
                                            ", expected " + std::to_string(received_ + 1));
      context_.TryCancel();
    } else {
      received_ += count;
      for (v1::ServerOperation& operation : *inbox_.mutable_operations())
        listener_->OnOperation(operation);
    }
    stream_->Read(&inbox_, Tag(Event::kRead));
  }

  void OnWritten(bool ok) {
    // A failed write means a dead stream: the flag stays, so that nothing more is written, and the
    // pending read fails next.
    if (!ok) return;
    std::scoped_lock lock(mutex_);
    is_writing_ = false;
  }

  void OnTimer() {
    {
      std::scoped_lock lock(mutex_);
      is_timer_armed_ = false;
      if (is_ended_) return;
    }
    listener_->OnTimer();
  }

  void Finish() { stream_->Finish(&finish_status_, Tag(Event::kFinished)); }

  void OnFinished() {
    std::vector<Operation> unsent;
    {
      std::unique_lock lock(mutex_);
      is_ended_ = true;
      // Nothing may be started on a queue that is shut down.
      changed_.wait(lock, [this] { return !is_starting_write_; });
      for (Queued& queued : outbox_) unsent.push_back(std::move(queued.operation));
      outbox_.clear();
      alarm_.Cancel();
    }
    queue_.Shutdown();
    const Status status = broken_ ? *broken_
                                  : FromGrpc(static_cast<int>(finish_status_.error_code()),
                                             finish_status_.error_message());
    listener_->OnEnded(status, std::move(unsent));
    {
      std::scoped_lock lock(mutex_);
      is_told_ = true;
    }
    changed_.notify_all();
  }

  // Writes one frame of what is queued, or the half-close that follows the last, if nothing is being
  // written now.
  void Flush() {
    v1::ClientFrame frame;
    bool is_half_close = false;
    {
      std::scoped_lock lock(mutex_);
      if (is_writing_ || is_ended_) return;
      // The number of operations applied is the reading thread's; others leave the last one told.
      if (OnOwnThread()) ack_ = received_;
      const bool is_ack_due = ack_ - acked_ >= kAckEvery;
      if (outbox_.empty() && !is_ack_due) {
        if (!is_half_closing_ || is_half_closed_) return;
        is_half_closed_ = is_half_close = true;
      } else {
        TakeFrame(frame);
      }
      is_writing_ = is_starting_write_ = true;
    }
    if (is_half_close) {
      stream_->WritesDone(Tag(Event::kHalfClosed));
    } else {
      stream_->Write(frame, Tag(Event::kWritten));
    }
    std::scoped_lock lock(mutex_);
    is_starting_write_ = false;
    if (is_ended_) changed_.notify_all();
  }

  // REQUIRES: mutex_ held, nothing being written
  void TakeFrame(v1::ClientFrame& frame) {
    frame.set_ack(ack_);
    acked_ = ack_;
    std::size_t bytes = kFrameOverheadBytes;
    while (!outbox_.empty()) {
      Queued& next = outbox_.front();
      if (frame.operations_size() != 0 && bytes + next.size > max_frame_bytes_) break;
      bytes += next.size;
      frame.mutable_operations()->AddAllocated(next.operation.release());
      outbox_.pop_front();
    }
    if (frame.operations_size() == 0) return;
    frame.set_first_sequence(sent_ + 1);
    sent_ += static_cast<std::uint64_t>(frame.operations_size());
  }

  const std::unique_ptr<v1::Broker::Stub> stub_;
  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::ClientFrame, v1::ServerFrame>> stream_;
  grpc::Alarm alarm_;
  std::thread thread_;

  // The stream's thread only.
  std::shared_ptr<Listener> listener_;
  v1::ServerFrame inbox_;
  grpc::Status finish_status_;
  std::optional<Status> broken_;  // set when the broker breaks the protocol
  std::uint64_t received_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Queued> outbox_;
  std::size_t max_frame_bytes_ = std::numeric_limits<std::size_t>::max();
  std::uint64_t sent_ = 0;
  std::uint64_t ack_ = 0;    // to be told with the next frame
  std::uint64_t acked_ = 0;  // told with the last frame
  bool is_writing_ = true;
  bool is_starting_write_ = false;
  bool is_timer_armed_ = false;
  bool is_half_closing_ = false;
  bool is_half_closed_ = false;
  bool is_ended_ = false;
  bool is_told_ = false;
};

Stream::Stream(const std::string& target) : impl_(std::make_shared<Impl>(target)) {}
Stream::~Stream() = default;
void Stream::Start(std::shared_ptr<Listener> listener) { impl_->Start(impl_, std::move(listener)); }
bool Stream::Send(Operation operation) { return impl_->Send(std::move(operation)); }
void Stream::ArmTimer(std::uint32_t delay_ms) { impl_->ArmTimer(delay_ms); }
void Stream::SetMaxFrameBytes(std::uint32_t max_bytes) { impl_->SetMaxFrameBytes(max_bytes); }
void Stream::HalfClose() { impl_->HalfClose(); }
void Stream::Cancel() { impl_->Cancel(); }
bool Stream::WaitEnded(std::uint32_t timeout_ms) { return impl_->WaitEnded(timeout_ms); }
void Stream::Join() { impl_->Join(); }
bool Stream::OnOwnThread() const { return impl_->OnOwnThread(); }

}  // namespace belay::client
