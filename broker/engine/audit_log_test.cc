#include "broker/engine/audit_log.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "broker/engine/broker.h"

namespace belay::engine {
namespace {

AuditEntry EntryOf(const std::string& what) {
  AuditEntry entry;
  entry.event = "revoke";
  entry.who = "uid:1000";
  entry.where = "uid=1000,pid=7";
  entry.what = what;
  return entry;
}

std::vector<std::string> Texts(const AuditLog& log) {
  std::vector<std::string> texts;
  for (const AuditEntry& entry : log.Read(0, 0, 1'000'000)) texts.push_back(entry.what);
  return texts;
}

TEST(AuditLogInMemory, KeepsTheNewestInOrder) {
  base::VirtualClock clock(5'000'000'000);
  auto log = AuditLog::Open(nullptr, {.max_entries = 3, .clock = &clock});
  ASSERT_TRUE(log.ok());
  for (const char* const what : {"a", "b", "c", "d"}) {
    (*log)->Note(EntryOf(what));
    clock.AdvanceNs(1'000'000'000);
  }
  EXPECT_EQ(Texts(**log), (std::vector<std::string>{"b", "c", "d"}));
  const auto page = (*log)->Read(2, 0, 1);
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].number, 3U);
  EXPECT_EQ(page[0].unix_ms, 7'000);
  EXPECT_EQ(page[0].count, 1U);
  EXPECT_EQ(page[0].who, "uid:1000");
  EXPECT_EQ((*log)->Read(0, 8'000, 10).size(), 1U) << "since then";
}

TEST(AuditLogInMemory, CutsWhatClientsMadeLong) {
  auto log = AuditLog::Open(nullptr, {});
  (*log)->Note(EntryOf(std::string(100'000, 'x')));
  EXPECT_EQ((*log)->Read(0, 0, 1)[0].what.size(), 1'024U);
}

class AuditLogInAStore : public testing::Test {
 protected:
  AuditLogInAStore() {
    std::filesystem::remove_all(path_);
    OpenStore();
  }
  ~AuditLogInAStore() override { CloseStore(); }

  void OpenStore() {
    BrokerOptions options;
    options.store_path = path_;
    auto broker = Broker::Open(options);
    ASSERT_TRUE(broker.ok()) << broker.status().message();
    broker_ = std::move(*broker);
  }
  void CloseStore() {
    EXPECT_TRUE(broker_->Close(5'000'000'000).ok());
    broker_.reset();
  }
  std::unique_ptr<AuditLog> OpenLog(std::size_t max_entries) {
    auto log = AuditLog::Open(*broker_->store(), {.max_entries = max_entries});
    EXPECT_TRUE(log.ok()) << log.status().message();
    return std::move(*log);
  }
  std::uint64_t KeysInStore() {
    storage::ScanOptions all;
    all.start = "audit/";
    all.end = storage::PrefixEnd(all.start);
    all.read.keyspace = storage::kSystemKeyspace;
    return *storage::CountKeys(**broker_->store(), all);
  }

  const std::string path_ = testing::TempDir() + "/audit_store";
  std::shared_ptr<Broker> broker_;
};

TEST_F(AuditLogInAStore, IsThereInTheNextLifeAndGoesOnCounting) {
  auto log = OpenLog(100);
  log->Note(EntryOf("first"));
  log->Note(EntryOf(std::string("\0\xff\n", 3)));
  log.reset();
  CloseStore();
  OpenStore();
  log = OpenLog(100);
  EXPECT_EQ(Texts(*log), (std::vector<std::string>{"first", std::string("\0\xff\n", 3)}));
  log->Note(EntryOf("third"));
  const auto entries = log->Read(2, 0, 10);
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].number, 3U);
  EXPECT_EQ(entries[0].where, "uid=1000,pid=7");
}

TEST_F(AuditLogInAStore, HasABoundThereToo) {
  auto log = OpenLog(10);
  for (int i = 0; i < 35; ++i) {
    log->Note(EntryOf(std::to_string(i)));
    log->Flush();
  }
  EXPECT_EQ(KeysInStore(), 10U);
  log = nullptr;
  log = OpenLog(10);
  EXPECT_EQ(Texts(*log).front(), "25");
  EXPECT_EQ(Texts(*log).back(), "34");
  // A bound that has become smaller holds from the next entry on.
  log = nullptr;
  log = OpenLog(4);
  log->Note(EntryOf("35"));
  log->Flush();
  EXPECT_EQ(KeysInStore(), 4U);
}

}  // namespace
}  // namespace belay::engine
