#include "broker/registry/backlog.h"

namespace belay::registry {

using base::Code;
using base::Status;

void WorkList::RefuseAll(const Status& why) noexcept {
  while (!empty()) PopFront()->Refuse(why);
}

Backlog::Backlog(std::string kind, ExecutorOptions options)
    : title_(std::move(kind) + " '" + options.name + "'"),
      max_calls_(options.max_calls),
      max_bytes_(options.max_bytes),
      closed_status_(Code::kClosed, title_ + " is closed") {}

Status Backlog::Explain(Verdict verdict, std::size_t size_bytes, const Load& load) const {
  if (verdict == Verdict::kClosed) return closed_status_;
  const std::string calls = std::to_string(load.calls) + " calls";
  const std::string bytes = std::to_string(load.bytes) + " bytes";
  if (verdict == Verdict::kTooManyCalls) {
    return {Code::kResourceExhausted,
            title_ + " is full: " + calls + " (" + bytes + ") are queued, max_calls is " +
                std::to_string(max_calls_) + "; call again when some have run",
            "TOO_MANY_CALLS"};
  }
  return {Code::kResourceExhausted,
          title_ + " has no room for a call of " + std::to_string(size_bytes) + " bytes: " + bytes +
              " (" + calls + ") are queued, max_bytes is " + std::to_string(max_bytes_) +
              (size_bytes > max_bytes_ ? "; it will never fit: raise max_bytes"
                                       : "; call again when some have run"),
          "TOO_MANY_BYTES"};
}

WorkList Backlog::Close() noexcept {
  closed_ = true;
  load_ = {};
  return std::move(works_);
}

}  // namespace belay::registry
