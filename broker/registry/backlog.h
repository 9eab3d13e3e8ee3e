// What an executor has been given and has not yet begun, and the bound that keeps it small.
//
// The list is intrusive: a Work is its own link, so taking one needs no memory, and a release function
// always finds room (R6). The bound is one on calls, by number and by bytes. Release functions are
// outside of it: they must run, and there are only as many as there are callbacks.
//
// Invariants
//   - First in, first out, calls and release functions alike: the release function of a callback stays
//     behind its calls.
//   - A call is let in only while what is queued, with it, keeps to both bounds.
//   - Once closed it is empty for ever, and Ask() says kClosed.
//
// Thread safety: none of its own: an executor guards it by its mutex. Explain() and closed_status() use
// what never changes, and are for after the lock is let go.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "broker/base/status.h"
#include "broker/registry/executor.h"

namespace belay::registry {

class WorkList {
 public:
  WorkList() = default;
  WorkList(WorkList&& other) noexcept
      : first_(std::exchange(other.first_, nullptr)), last_(std::exchange(other.last_, nullptr)) {}
  WorkList& operator=(WorkList&&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  void PushBack(Work* work) noexcept {
    work->next = nullptr;
    (last_ != nullptr ? last_->next : first_) = work;
    last_ = work;
  }
  // REQUIRES: !empty()
  Work* PopFront() noexcept {
    Work* const work = std::exchange(first_, first_->next);
    if (first_ == nullptr) last_ = nullptr;
    return work;
  }
  // Ends everything, in order. REQUIRES: no lock is held (R8).
  void RefuseAll(const base::Status& why) noexcept;

 private:
  Work* first_ = nullptr;
  Work* last_ = nullptr;
};

// What an executor is called, and how much it takes.
struct ExecutorOptions {
  std::string name;  // shown in every refusal
  std::size_t max_calls = 1024;
  std::size_t max_bytes = std::size_t{16} << 20;
};

class Backlog {
 public:
  struct Load {
    std::size_t calls = 0;
    std::size_t bytes = 0;     // of the calls
    std::size_t releases = 0;  // and completions
  };
  enum class Verdict : std::uint8_t { kFits, kTooManyCalls, kTooManyBytes, kClosed };

  // `kind` is what people call such an executor: "queue".
  Backlog(std::string kind, ExecutorOptions options);

  // Is there room for a call of `size_bytes`?
  Verdict Ask(std::size_t size_bytes) const noexcept {
    if (closed_) return Verdict::kClosed;
    if (load_.calls >= max_calls_) return Verdict::kTooManyCalls;
    // load_.bytes never exceeds max_bytes_, so this cannot wrap.
    return size_bytes > max_bytes_ - load_.bytes ? Verdict::kTooManyBytes : Verdict::kFits;
  }
  // What to tell whose call of `size_bytes` was refused when the load was `load`. REQUIRES: not kFits.
  base::Status Explain(Verdict verdict, std::size_t size_bytes, const Load& load) const;

  // REQUIRES: Ask() has just said kFits to its size.
  void PushCall(Work* work, std::size_t size_bytes) noexcept {
    assert(work->kind == Work::Kind::kCall);
    ++load_.calls;
    load_.bytes += size_bytes;
    work->counted_bytes = size_bytes;
    works_.PushBack(work);
  }
  // REQUIRES: !closed()
  void PushRelease(Work* work) noexcept {
    assert(work->kind != Work::Kind::kCall);
    ++load_.releases;
    works_.PushBack(work);
  }
  // REQUIRES: !empty()
  Work* Pop() noexcept {
    Work* const work = works_.PopFront();
    if (work->kind != Work::Kind::kCall) {
      --load_.releases;
    } else {
      --load_.calls;
      load_.bytes -= work->counted_bytes;
    }
    return work;
  }
  // Everything at once, without a look at any.
  WorkList TakeAll() noexcept {
    load_ = {};
    return std::move(works_);
  }
  // Hands over what is queued, for RefuseAll().
  WorkList Close() noexcept;

  bool empty() const noexcept { return works_.empty(); }
  std::size_t size() const noexcept { return load_.calls + load_.releases; }
  bool closed() const noexcept { return closed_; }
  const Load& load() const noexcept { return load_; }
  // "queue 'ui'"
  const std::string& title() const noexcept { return title_; }
  // CLOSED. Made in advance: closing needs no memory.
  const base::Status& closed_status() const noexcept { return closed_status_; }

 private:
  const std::string title_;
  const std::size_t max_calls_;
  const std::size_t max_bytes_;
  const base::Status closed_status_;
  WorkList works_;
  Load load_;
  bool closed_ = false;
};

}  // namespace belay::registry
