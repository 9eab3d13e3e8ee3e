// Store, Cursor and Subscription: the embedded store, its scans and its watches.
//
//   for (const belay::Row& row : *cursor) { ... }
//   if (!cursor->status().ok()) { ... }   // how the scan ended
#pragma once

#include <belay/belay.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include "belay/callback.hpp"
#include "belay/rows.hpp"
#include "belay/status.hpp"

namespace belay {

// A scan over one snapshot. One thread at a time; BUSY otherwise.
class Cursor {
 public:
  // Input iterator: a row is valid until the iterator moves on.
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Row;
    using difference_type = std::ptrdiff_t;
    using pointer = const Row*;
    using reference = const Row&;

    Iterator() = default;
    explicit Iterator(Cursor* cursor) : cursor_(cursor) { ++*this; }
    reference operator*() const { return row_; }
    pointer operator->() const { return &row_; }
    Iterator& operator++() {
      if (cursor_ != nullptr && !cursor_->Next(row_)) cursor_ = nullptr;
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(const Iterator& other) const noexcept { return cursor_ == other.cursor_; }
    bool operator!=(const Iterator& other) const noexcept { return cursor_ != other.cursor_; }

   private:
    Cursor* cursor_ = nullptr;
    Row row_;
  };

  explicit Cursor(belay_handle handle) noexcept : handle_(handle) {}
  // The next row; false at the end and on failure. May block.
  bool Next(Row& row) {
    while (!rows_.Next(row)) {
      if (!rows_.ok()) status_ = Status(BELAY_DATA_LOSS, "the row block is damaged");
      if (is_done_ || !status_.ok() || !Fetch()) return false;
    }
    return true;
  }
  Iterator begin() { return Iterator(this); }
  static Iterator end() { return Iterator(); }
  // OK while rows come and after the last; otherwise what broke the scan off.
  const Status& status() const noexcept { return status_; }
  belay_handle handle() const noexcept { return handle_.handle(); }

 private:
  bool Fetch() {
    std::uint64_t size = 0;
    belay_status status = belay_cursor_next(handle_.handle(), block_.data(), block_.size(), &size);
    if (status == BELAY_BUFFER_TOO_SMALL) {
      block_.resize(size);
      status = belay_cursor_next(handle_.handle(), block_.data(), block_.size(), &size);
    }
    is_done_ = status != BELAY_OK;
    if (status != BELAY_OK && status != BELAY_END) status_ = Status::Of(status);
    if (is_done_) return false;
    rows_ = RowReader(std::string_view(block_.data(), size));
    return true;
  }

  static constexpr std::size_t kBlockBytes = 64 * 1024;

  detail::UniqueHandle<belay_release> handle_;
  // Big enough never to be kept inside the string itself: rows_ survives a move of the cursor.
  std::string block_ = std::string(kBlockBytes, '\0');
  RowReader rows_ = RowReader(std::string_view("\1\0\0\0\0\0\0\0", 8));
  Status status_;
  bool is_done_ = false;
};

// A watch; its end detaches it: no new call begins.
class Subscription : public detail::UniqueHandle<belay_release> {
 public:
  using UniqueHandle::UniqueHandle;
};

struct StoredValue {
  std::string data;
  std::uint64_t revision = 0;  // of the key's last change
};

struct WriteOptions {
  bool async = false;  // do not wait for the disk: a crash may lose the write
  bool if_absent = false;
  std::uint64_t if_revision = 0;  // 0: no condition
};

struct ScanOptions {
  std::string start = {};  // [start, end); empty: open
  std::string end = {};
  std::string prefix = {};  // excludes both
  bool reverse = false;
  bool keys_only = false;
  std::uint64_t limit = 0;           // 0: all
  const Callback* filter = nullptr;  // picks rows (RowFilter); the scan holds its own handle to it
  const Callback* projection = nullptr;  // likewise, makes others of them (RowProjection)
};

class Store : public detail::UniqueHandle<belay_release> {
 public:
  using UniqueHandle::UniqueHandle;

  // Errors: NOT_FOUND; store errors.
  Result<StoredValue> Get(Bytes key) const {
    StoredValue value;
    std::uint64_t size = 0;
    belay_status status = BELAY_BUFFER_TOO_SMALL;
    // The value may grow between the two looks.
    for (value.data.resize(kValueBytes); status == BELAY_BUFFER_TOO_SMALL;) {
      status = belay_store_get(handle(), key.data(), key.size(), value.data.data(),
                               value.data.size(), &size, &value.revision);
      if (status == BELAY_OK || status == BELAY_BUFFER_TOO_SMALL) value.data.resize(size);
    }
    if (status != BELAY_OK) return Status::Of(status);
    return value;
  }

  // Gives the commit's revision. Errors: ABORTED when a condition does not hold; store errors.
  Result<std::uint64_t> Put(Bytes key, Bytes value, const WriteOptions& options = {}) const {
    const belay_write_options c_options = ToC(options);
    std::uint64_t revision = 0;
    const belay_status status = belay_store_put(handle(), key.data(), key.size(), value.data(),
                                                value.size(), &c_options, &revision);
    if (status != BELAY_OK) return Status::Of(status);
    return revision;
  }

  Result<std::uint64_t> Delete(Bytes key, const WriteOptions& options = {}) const {
    const belay_write_options c_options = ToC(options);
    std::uint64_t revision = 0;
    const belay_status status =
        belay_store_delete(handle(), key.data(), key.size(), &c_options, &revision);
    if (status != BELAY_OK) return Status::Of(status);
    return revision;
  }

  // See belay_store_merge. Of the options `async` alone.
  Result<std::uint64_t> Merge(Bytes key, const std::string& operator_name, Bytes operand,
                              const WriteOptions& options = {}) const {
    const belay_write_options c_options = ToC(options);
    std::uint64_t revision = 0;
    const belay_status status =
        belay_store_merge(handle(), key.data(), key.size(), operator_name.c_str(), operand.data(),
                          operand.size(), &c_options, &revision);
    if (status != BELAY_OK) return Status::Of(status);
    return revision;
  }

  Result<Cursor> Scan(const ScanOptions& options = {}) const {
    auto c_options = detail::Sized<belay_scan_options>();
    c_options.flags = (options.reverse ? BELAY_SCAN_REVERSE : 0u) |
                      (options.keys_only ? BELAY_SCAN_KEYS_ONLY : 0u);
    Set(options.start, c_options.start, c_options.start_size);
    Set(options.end, c_options.end, c_options.end_size);
    Set(options.prefix, c_options.prefix, c_options.prefix_size);
    c_options.limit = options.limit;
    c_options.filter = options.filter == nullptr ? 0 : options.filter->handle();
    c_options.projection = options.projection == nullptr ? 0 : options.projection->handle();
    belay_handle cursor = 0;
    const belay_status status = belay_store_scan(handle(), &c_options, &cursor);
    if (status != BELAY_OK) return Status::Of(status);
    return Cursor(cursor);
  }

  // Has `callback` (RowWatcher) called with the changes under `prefix` (empty: all) from `from_revision`
  // (0: from now) on. The watch holds a handle of its own to it.
  Result<Subscription> Watch(const Callback& callback, const std::string& prefix,
                             std::uint64_t from_revision = 0) const {
    auto c_options = detail::Sized<belay_watch_options>();
    Set(prefix, c_options.prefix, c_options.prefix_size);
    c_options.from_revision = from_revision;
    c_options.callback = callback.handle();
    belay_handle subscription = 0;
    const belay_status status = belay_watch_attach(handle(), &c_options, &subscription);
    if (status != BELAY_OK) return Status::Of(status);
    return Subscription(subscription);
  }

 private:
  // Values up to this size need one look.
  static constexpr std::size_t kValueBytes = 512;

  static void Set(const std::string& text, const void*& data, std::uint64_t& size) noexcept {
    data = text.empty() ? nullptr : text.data();
    size = text.size();
  }

  static belay_write_options ToC(const WriteOptions& options) noexcept {
    auto c_options = detail::Sized<belay_write_options>();
    c_options.flags = (options.async ? BELAY_WRITE_ASYNC : 0u) |
                      (options.if_absent ? BELAY_WRITE_IF_ABSENT : 0u) |
                      (options.if_revision != 0 ? BELAY_WRITE_IF_REVISION : 0u);
    c_options.if_revision = options.if_revision;
    return c_options;
  }
};

}  // namespace belay
