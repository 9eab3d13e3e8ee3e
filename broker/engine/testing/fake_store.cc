#include "broker/engine/testing/fake_store.h"

#include <algorithm>
#include <utility>

namespace belay::engine {

using base::Code;
using base::Result;
using base::Status;
using storage::Revision;
using storage::RowKind;

namespace {

struct OwnedRow {
  Revision revision;
  std::string key;
  std::string value;
};

class FakeScan final : public storage::Scan {
 public:
  FakeScan(std::vector<OwnedRow> rows, Revision revision, std::shared_ptr<std::atomic<int>> count)
      : rows_(std::move(rows)), revision_(revision), count_(std::move(count)) {
    count_->fetch_add(1);
  }
  ~FakeScan() override { count_->fetch_sub(1); }

  Status Next(storage::RowBlockBuilder* rows, std::uint32_t max_rows,
              std::size_t max_bytes) override {
    std::uint32_t appended = 0;
    for (; appended < max_rows && next_ < rows_.size(); ++appended, ++next_) {
      const OwnedRow& row = rows_[next_];
      const std::size_t grown =
          rows->size_bytes() + storage::RowBytes(row.key.size(), row.value.size());
      if (appended > 0 && grown > max_bytes) break;
      rows->Append({row.revision, RowKind::kPut, row.key, row.value});
    }
    return appended > 0 ? Status() : Status(Code::kEnd, "no more rows");
  }
  Revision revision() const override { return revision_; }

 private:
  const std::vector<OwnedRow> rows_;
  const Revision revision_;
  const std::shared_ptr<std::atomic<int>> count_;
  std::size_t next_ = 0;
};

bool InRange(std::string_view key, std::string_view start, std::string_view end) {
  return key >= start && (end.empty() || key < end);
}

}  // namespace

FakeStore::~FakeStore() {
  if (on_closed_) on_closed_();
}

void FakeStore::FailHistory(Status status) {
  const std::lock_guard lock(mutex_);
  history_fault_ = std::move(status);
}

std::uint64_t FakeStore::history_reads() const {
  const std::lock_guard lock(mutex_);
  return history_reads_;
}

Revision FakeStore::Put(std::string_view key, std::string_view value) {
  storage::WriteBatch batch;
  batch.operations.push_back({storage::OperationKind::kPut, std::string(key), std::string(value)});
  return Commit(batch)->revision;
}

Status FakeStore::Read(const storage::ReadOptions& options, std::string_view key, Visit visit) {
  const std::lock_guard lock(mutex_);
  const Data& data = data_[options.keyspace];
  const auto found = data.find(key);
  if (found == data.end()) return Status(Code::kNotFound, "no key " + storage::QuoteKey(key));
  const storage::Record& record = found->second;
  visit({record.value, record.create_revision, record.mod_revision, record.version, 0});
  return {};
}

Result<storage::CommitResult> FakeStore::Commit(const storage::WriteBatch& batch) {
  if (Status status = storage::ValidateBatch(batch); !status.ok()) return status;
  std::shared_ptr<Listener> listener;
  storage::CommitResult result;
  {
    const std::lock_guard lock(mutex_);
    PastCommit past{batch.keyspace, {}};
    result.revision = history_.size() + 1;
    for (const auto& operation : batch.operations)
      Apply(operation, result.revision, &data_[batch.keyspace], &result, &past.changes);
    if (keeping_old_->load() == 0)
      std::erase_if(past.changes, [](const Change& it) { return it.kind == RowKind::kOld; });
    history_.push_back(std::move(past));
    listener = listener_;
    if (listener != nullptr) ++listener->running;
  }
  if (listener == nullptr) return result;
  listener->function(result.revision);
  const std::lock_guard lock(mutex_);
  if (--listener->running == 0) idle_.notify_all();
  return result;
}

void FakeStore::Apply(const storage::Operation& operation, Revision revision, Data* data,
                      storage::CommitResult* result, std::vector<Change>* changes) {
  const auto found = data->find(operation.key);
  if (found != data->end()) {
    changes->push_back(
        {RowKind::kOld, operation.key, found->second.value, found->second.mod_revision});
  }
  if (operation.kind == storage::OperationKind::kPut) {
    storage::Record& record = (*data)[operation.key];
    if (record.version++ == 0) record.create_revision = revision;
    record.mod_revision = revision;
    record.value = operation.value;
    changes->push_back({RowKind::kPut, operation.key, operation.value});
  } else if (operation.kind == storage::OperationKind::kDelete && found != data->end()) {
    data->erase(found);
    ++result->deleted_count;
    changes->push_back({RowKind::kDelete, operation.key, {}});
  }
}

std::shared_ptr<void> FakeStore::KeepOldValues(storage::KeyspaceId) {
  keeping_old_->fetch_add(1);
  return std::shared_ptr<void>(nullptr, [count = keeping_old_](void*) { count->fetch_sub(1); });
}

Result<std::unique_ptr<storage::Scan>> FakeStore::NewScan(const storage::ScanOptions& options) {
  const std::lock_guard lock(mutex_);
  std::vector<OwnedRow> rows;
  for (const auto& [key, record] : data_[options.read.keyspace]) {
    if (!InRange(key, options.start, options.end)) continue;
    rows.push_back({record.mod_revision, key, options.keys_only ? std::string() : record.value});
  }
  if (options.reverse) std::reverse(rows.begin(), rows.end());
  if (options.limit != 0 && rows.size() > options.limit) rows.resize(options.limit);
  return std::unique_ptr<storage::Scan>(
      std::make_unique<FakeScan>(std::move(rows), history_.size(), open_scans_));
}

Result<storage::HistoryPage> FakeStore::ReadHistory(const storage::HistoryRange& range) {
  const std::lock_guard lock(mutex_);
  ++history_reads_;
  if (!history_fault_.ok()) return history_fault_;
  if (range.from_revision < oldest_) {
    return Status(Code::kCompacted, "the oldest revision is " + std::to_string(oldest_));
  }
  storage::RowBlockBuilder rows;
  storage::HistoryPage page;
  page.next_revision = range.from_revision;
  for (; page.next_revision <= history_.size(); ++page.next_revision) {
    const PastCommit& commit = history_[page.next_revision - 1];
    const auto matches = [&](const Change& change) {
      return commit.keyspace == range.keyspace && InRange(change.key, range.start, range.end) &&
             (change.kind != RowKind::kOld || range.old_rows == storage::OldRows::kShow);
    };
    std::uint32_t matching = 0;
    std::size_t bytes = 0;
    for (const Change& change : commit.changes) {
      if (!matches(change)) continue;
      ++matching;
      bytes += storage::RowBytes(change.key.size(), change.value.size());
    }
    const bool fits = rows.row_count() + matching <= range.max_rows &&
                      rows.size_bytes() + bytes <= range.max_bytes;
    if (matching > 0 && rows.row_count() > 0 && !fits) break;
    for (const Change& change : commit.changes) {
      if (!matches(change)) continue;
      const bool is_old = change.kind == RowKind::kOld;
      rows.Append(
          {is_old ? change.before : page.next_revision, change.kind, change.key, change.value});
    }
  }
  page.row_count = rows.row_count();
  page.rows = rows.Take();
  return page;
}

Status FakeStore::TrimHistory(Revision before_revision) {
  const std::lock_guard lock(mutex_);
  oldest_ = std::max(oldest_, std::min(before_revision, Revision{history_.size() + 1}));
  return {};
}

Revision FakeStore::CurrentRevision() const {
  const std::lock_guard lock(mutex_);
  return history_.size();
}

Revision FakeStore::OldestRevision() const {
  const std::lock_guard lock(mutex_);
  return oldest_;
}

void FakeStore::SetCommitListener(std::function<void(Revision)> listener) {
  auto entry = listener ? std::make_shared<Listener>(Listener{std::move(listener)}) : nullptr;
  std::unique_lock lock(mutex_);
  entry.swap(listener_);
  if (entry != nullptr) idle_.wait(lock, [&] { return entry->running == 0; });
}

}  // namespace belay::engine
