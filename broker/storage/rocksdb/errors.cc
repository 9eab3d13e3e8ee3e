#include "broker/storage/rocksdb/errors.h"

#include <utility>

#include "rocksdb/slice.h"
#include "rocksdb/status.h"

namespace belay::storage {

using base::Code;
using base::Status;

Status Corrupt(std::string what) {
  return Status(Code::kDataLoss, std::move(what), "STORE_CORRUPT");
}

std::string DescribeFault(const rocksdb::Status& status) {
  if (status.IsNoSpace()) return "the disk is full: " + status.ToString();
  return status.ToString();
}

Status FromRocks(const rocksdb::Status& status, std::string_view what) {
  std::string message = std::string(what) + ": " + DescribeFault(status);
  if (status.IsCorruption()) return Corrupt(std::move(message));
  if (status.IsIOError()) return Status(Code::kUnavailable, std::move(message), "STORE_IO_ERROR");
  if (status.IsMemoryLimit()) return Status(Code::kResourceExhausted, std::move(message));
  if (status.IsBusy() || status.IsTimedOut() || status.IsTryAgain() || status.IsIncomplete() ||
      status.IsAborted() || status.IsShutdownInProgress()) {
    return Status(Code::kUnavailable, std::move(message));
  }
  return Status(Code::kInternal, std::move(message));
}

rocksdb::Slice ToSlice(std::string_view bytes) noexcept {
  return rocksdb::Slice(bytes.data(), bytes.size());
}

std::string_view ToView(const rocksdb::Slice& slice) noexcept {
  return std::string_view(slice.data(), slice.size());
}

}  // namespace belay::storage
