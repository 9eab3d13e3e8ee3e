#include "broker/engine/audit_log.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/base/bytes.h"
#include "broker/base/varint.h"

namespace belay::engine {

using base::Result;
using base::Status;

namespace {

constexpr std::string_view kPrefix = "audit/";
// Texts come from clients: one entry stays small, whatever they sent.
constexpr std::size_t kMaxTextBytes = 1'024;
constexpr std::uint32_t kRowsAtATime = 1'000;
constexpr std::size_t kBytesAtATime = std::size_t{1} << 20U;

std::string KeyOf(std::uint64_t number) {
  std::string key(kPrefix);
  base::AppendBig64(key, number);
  return key;
}

void AppendNumber(std::string& bytes, std::uint64_t number) {
  std::array<char, base::kMaxVarintBytes> varint{};
  bytes.append(varint.data(), base::StoreVarint(varint.data(), number));
}

// Time and count, then each text behind its length. The number is the key's.
std::string Encode(const AuditEntry& entry) {
  std::string bytes;
  AppendNumber(bytes, static_cast<std::uint64_t>(entry.unix_ms));
  AppendNumber(bytes, entry.count);
  for (const std::string* text : {&entry.event, &entry.who, &entry.where, &entry.what}) {
    AppendNumber(bytes, text->size());
    bytes += *text;
  }
  return bytes;
}

// False for what Encode() has not made.
bool Decode(std::string_view key, std::string_view bytes, AuditEntry* entry) {
  if (key.size() != kPrefix.size() + 8) return false;
  entry->number = base::LoadBig64(key.data() + kPrefix.size());
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  std::uint64_t unix_ms = 0;
  if ((at = base::LoadVarint(at, end, &unix_ms)) == nullptr) return false;
  entry->unix_ms = static_cast<std::int64_t>(unix_ms);
  if ((at = base::LoadVarint(at, end, &entry->count)) == nullptr) return false;
  for (std::string* text : {&entry->event, &entry->who, &entry->where, &entry->what}) {
    std::uint64_t size = 0;
    if ((at = base::LoadVarint(at, end, &size)) == nullptr) return false;
    if (size > static_cast<std::uint64_t>(end - at)) return false;
    text->assign(at, size);
    at += size;
  }
  return at == end;
}

}  // namespace

AuditLog::AuditLog(storage::Store* store, const AuditOptions& options)
    : store_(store), options_(options) {}

Result<std::unique_ptr<AuditLog>> AuditLog::Open(storage::Store* store,
                                                 const AuditOptions& options) {
  std::unique_ptr<AuditLog> log(new AuditLog(store, options));
  if (store == nullptr) return log;
  if (Status status = log->Load(); !status.ok()) return status;
  log->writer_ = std::thread([raw = log.get()] { raw->Run(); });
  return log;
}

AuditLog::~AuditLog() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
    changed_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
}

Status AuditLog::Load() {
  storage::ScanOptions options;
  options.start = kPrefix;
  options.end = storage::PrefixEnd(kPrefix);
  options.read.keyspace = storage::kSystemKeyspace;
  auto scan = store_->NewScan(options);
  if (!scan.ok()) return scan.status();
  for (;;) {
    storage::RowBlockBuilder rows;
    Status status = (*scan)->Next(&rows, kRowsAtATime, kBytesAtATime);
    if (status.code() == base::Code::kEnd) break;
    if (!status.ok()) return status;
    const std::string block = rows.Take();
    auto reader = storage::RowBlockReader::Open(block);
    for (storage::Row row; reader->Next(&row).ok();) {
      AuditEntry entry;
      if (Decode(row.key, row.value, &entry)) entries_.push_back(std::move(entry));
      if (entries_.size() > options_.max_entries) entries_.pop_front();
    }
  }
  if (!entries_.empty()) last_ = entries_.back().number;
  written_ = last_;
  return {};
}

void AuditLog::Note(AuditEntry entry) {
  for (std::string* text : {&entry.event, &entry.who, &entry.where, &entry.what})
    text->resize(std::min(text->size(), kMaxTextBytes));
  const std::lock_guard lock(mutex_);
  if (store_ != nullptr && last_ - written_ >= options_.max_waiting) {
    left_out_ += entry.count;
    return;
  }
  entry.number = ++last_;
  entry.unix_ms = options_.clock->WallNs() / 1'000'000;
  entry.count += std::exchange(left_out_, 0);
  entries_.push_back(std::move(entry));
  if (entries_.size() > options_.max_entries) entries_.pop_front();
  changed_.notify_all();
}

std::vector<AuditEntry> AuditLog::Read(std::uint64_t after, std::int64_t since_ms,
                                       std::size_t limit) const {
  std::vector<AuditEntry> found;
  const std::lock_guard lock(mutex_);
  for (const AuditEntry& entry : entries_) {
    if (found.size() == limit) break;
    if (entry.number > after && entry.unix_ms >= since_ms) found.push_back(entry);
  }
  return found;
}

void AuditLog::Flush() {
  if (store_ == nullptr) return;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, noted = last_] { return written_ >= noted; });
}

void AuditLog::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_ending_ || written_ != last_; });
    if (written_ == last_) return;
    std::vector<AuditEntry> waiting;
    for (const AuditEntry& entry : entries_)
      if (entry.number > written_) waiting.push_back(entry);
    lock.unlock();
    Write(waiting);
    lock.lock();
    written_ = waiting.back().number;
    changed_.notify_all();
  }
}

// A disk that fails makes the store read-only, which is told elsewhere; memory still has them.
void AuditLog::Write(const std::vector<AuditEntry>& entries) {
  using storage::OperationKind;
  storage::WriteBatch batch;
  batch.keyspace = storage::kSystemKeyspace;
  batch.durability = storage::Durability::kAsync;
  for (const AuditEntry& entry : entries)
    batch.operations.push_back({OperationKind::kPut, KeyOf(entry.number), Encode(entry)});
  // Everything that is too old by now, however many that are.
  if (const std::uint64_t last = entries.back().number; last > options_.max_entries) {
    storage::Operation forget{OperationKind::kDeleteRange, std::string(kPrefix), {}};
    forget.range_end = KeyOf(last - options_.max_entries + 1);
    batch.operations.push_back(std::move(forget));
  }
  (void)store_->Commit(batch);
}

}  // namespace belay::engine
