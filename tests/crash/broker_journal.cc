#include "tests/crash/broker_journal.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <optional>

#include "broker/base/bytes.h"

namespace belay {

using base::Code;
using storage::Revision;
using storage::RowKind;

namespace {

constexpr char kCursorKey[] = "watch/1/mirror";

std::optional<Revision> ReadCursor(storage::Store& store) {
  storage::ReadOptions read;
  read.keyspace = storage::kSystemKeyspace;
  const auto record = store.Get(kCursorKey, read);
  if (record.code() == Code::kNotFound) return std::nullopt;
  EXPECT_TRUE(record.ok()) << record.status().ToString();
  return base::LoadLittle<Revision>(record->value.data());
}

}  // namespace

void BrokerJournal::Note(const std::string& line) {
  char key[64];
  Revision revision = 0;
  std::int64_t expires_at_ms = 0;
  std::uint64_t epoch = 0;
  if (std::sscanf(line.c_str(), "saw %" SCNu64, &revision) == 1) {
    accepted_.insert(revision);
  } else if (std::sscanf(line.c_str(), "put %63s %" SCNu64, key, &revision) == 2) {
    EXPECT_TRUE(puts_.emplace(revision, Put{key}).second) << "given twice: " << line;
  } else if (std::sscanf(line.c_str(), "ttl %63s %" SCNu64 " %" SCNd64, key, &revision,
                         &expires_at_ms) == 3) {
    EXPECT_TRUE(puts_.emplace(revision, Put{key, expires_at_ms}).second) << "given twice: " << line;
  } else if (std::sscanf(line.c_str(), "open %" SCNu64, &epoch) == 1) {
    EXPECT_GT(epoch, epoch_);
    epoch_ = epoch;
  } else if (line == "attached") {
    was_attached_ = true;
  } else {
    ADD_FAILURE() << "a broker_writer said: " << line;
  }
}

BrokerJournal::History BrokerJournal::ReadHistory(storage::Store& store) {
  constexpr std::uint32_t kRows = 1'000;
  constexpr std::size_t kBytes = std::size_t{1} << 20;
  History history;
  for (Revision from = 1; from <= store.CurrentRevision();) {
    const auto page = store.ReadHistory({from, "", "", kRows, kBytes});
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    if (!page.ok()) return history;
    auto reader = storage::RowBlockReader::Open(page->rows);
    for (storage::Row row; reader->Next(&row).ok();)
      history[row.revision].push_back({row.kind, std::string(row.key), row.flags});
    from = page->next_revision;
  }
  return history;
}

void BrokerJournal::Check(storage::Store& store, std::int64_t now_ms) const {
  const History history = ReadHistory(store);
  CheckPuts(history);
  CheckWatch(store, history);
  CheckExpiries(store, now_ms);
}

void BrokerJournal::CheckPuts(const History& history) const {
  for (const auto& [revision, put] : puts_) {
    const auto found = history.find(revision);
    ASSERT_NE(found, history.end()) << put.key << ", acknowledged at " << revision << ", is lost";
    ASSERT_EQ(found->second.size(), 1U);
    EXPECT_EQ(found->second.front().key, put.key);
    EXPECT_EQ(found->second.front().kind, RowKind::kPut);
  }
}

void BrokerJournal::CheckWatch(storage::Store& store, const History& history) const {
  const std::optional<Revision> cursor = ReadCursor(store);
  if (was_attached_) {
    EXPECT_TRUE(cursor.has_value()) << "the subscription is lost";
  }
  const Revision last = accepted_.empty() ? 0 : *accepted_.rbegin();
  for (const auto& [revision, changes] : history) {
    const std::string& key = changes.front().key;
    if (accepted_.count(revision) != 0) continue;
    ASSERT_GE(revision, cursor.value_or(0)) << "the cursor has passed by " << key;
    ASSERT_GT(revision, last) << key << " was left out";
  }
}

void BrokerJournal::CheckExpiries(storage::Store& store, std::int64_t now_ms) const {
  for (auto next_ms = store.ExpireDue(now_ms);; next_ms = store.ExpireDue(now_ms)) {
    ASSERT_TRUE(next_ms.ok()) << next_ms.status().ToString();
    if (*next_ms == 0 || *next_ms > now_ms) break;
  }
  std::map<std::string, Change> last_of;
  for (const auto& [revision, changes] : ReadHistory(store))
    for (const Change& change : changes) last_of[change.key] = change;
  for (const auto& [revision, put] : puts_) {
    const auto record = store.Get(put.key);
    if (put.expires_at_ms == 0 || put.expires_at_ms > now_ms) {
      ASSERT_TRUE(record.ok()) << put.key << " is gone: " << record.status().ToString();
      EXPECT_EQ(record->expires_at_ms, put.expires_at_ms);
      continue;
    }
    EXPECT_EQ(record.code(), Code::kNotFound) << put.key << " should have expired";
    const Change& last = last_of[put.key];
    EXPECT_TRUE(last.kind == RowKind::kDelete && last.flags == storage::kRowExpired)
        << put.key << " is gone, and the history does not say why";
  }
}

}  // namespace belay
