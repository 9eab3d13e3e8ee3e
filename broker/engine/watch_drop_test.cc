// Watches and cursors of a keyspace that is dropped (S3).
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "broker/engine/broker.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {
namespace {

using base::Status;
using registry::Kind;
using registry::Registry;

class WatchDropTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::string(std::getenv("TEST_TMPDIR")) + "/drop_XXXXXX";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    Open();
  }
  void TearDown() override { Close(); }

  void Open() {
    BrokerOptions options;
    options.store_path = folder_ + "/store";
    options.log = [this](registry::LogLevel, std::string_view line) {
      log_.Put(std::string(line));
    };
    auto opened = Broker::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    broker_ = *opened;
  }
  void Close() {
    if (broker_ == nullptr) return;
    EXPECT_TRUE(broker_->Close(10'000'000'000).ok());
    broker_ = nullptr;
  }
  storage::Store& store() { return **broker_->store(); }

  void PutCursor(const std::string& key) {
    storage::WriteBatch batch;
    batch.keyspace = storage::kSystemKeyspace;
    batch.operations.push_back({storage::OperationKind::kPut, key, std::string(8, '\1')});
    ASSERT_TRUE(store().Commit(batch).ok());
  }
  // The keys in which they are.
  std::vector<std::string> Cursors() {
    storage::ScanOptions options;
    options.read.keyspace = storage::kSystemKeyspace;
    auto scan = store().NewScan(options);
    EXPECT_TRUE(scan.ok());
    storage::RowBlockBuilder rows;
    (void)(*scan)->Next(&rows, 100, 100'000);
    return Keys(Decode(rows.Take()));
  }

  std::string folder_;
  Mailbox<std::string> log_;
  std::shared_ptr<Broker> broker_;
};

TEST_F(WatchDropTest, S3_CursorsGoWithTheirKeyspaceAndComeBackWithNoWatch) {
  const auto other = store().CreateKeyspace("other");
  ASSERT_TRUE(other.ok());
  const std::string prefix = "watch/" + std::to_string(*other) + "/";
  Mailbox<std::unique_ptr<registry::AsyncCall>> calls;
  const Probe probe =
      Probe::Hosted(broker_->handle(),
                    [&](std::unique_ptr<registry::AsyncCall> call) { calls.Put(std::move(call)); });
  WatchOptions options;
  options.callback = probe.handle();
  options.name = "here";
  ASSERT_TRUE(broker_->AttachWatch(options).ok());
  options.name = "there";
  options.keyspace = *other;
  const auto subscription = broker_->AttachWatch(options);
  ASSERT_TRUE(subscription.ok()) << subscription.status().ToString();
  EXPECT_EQ(Cursors(), (std::vector<std::string>{"watch/1/here", prefix + "there"}));

  storage::WriteBatch batch;
  batch.keyspace = *other;
  batch.operations.push_back({storage::OperationKind::kPut, "k", "v"});
  ASSERT_TRUE(store().Commit(batch).ok());
  auto call = calls.Take();
  ASSERT_TRUE(call.has_value());
  // Its keyspace goes while it is told of a change, and it accepts it afterwards.
  ASSERT_TRUE(broker_->DropKeyspace("other").ok());
  (*call)->Finish({});
  EXPECT_EQ(Cursors(), std::vector<std::string>{"watch/1/here"});
  EXPECT_EQ(broker_->AttachWatch(options).status().reason(), "NO_KEYSPACE");
  // What is still to be written is, when the broker closes.
  Close();
  Open();
  EXPECT_EQ(Cursors(), std::vector<std::string>{"watch/1/here"});
}

TEST_F(WatchDropTest, S3_CursorsThatACrashHasLeftGoAtTheNextOpening) {
  const auto kept = store().CreateKeyspace("kept");
  const auto gone = store().CreateKeyspace("gone");
  ASSERT_TRUE(kept.ok() && gone.ok());
  const std::string of_kept = "watch/" + std::to_string(*kept) + "/a";
  PutCursor("watch/1/a");
  PutCursor(of_kept);
  PutCursor("watch/" + std::to_string(*gone) + "/a");
  PutCursor("watch/" + std::to_string(*gone) + "/b");
  PutCursor("watch/no cursor");
  PutCursor("what else there is");
  // As if the process had ended between the keyspace's end and that of its cursors.
  ASSERT_TRUE(store().DropKeyspace("gone").ok());
  EXPECT_EQ(Cursors().size(), 6U);
  Close();
  Open();
  EXPECT_EQ(Cursors(), (std::vector<std::string>{"watch/1/a", of_kept, "watch/no cursor",
                                                 "what else there is"}));
}

}  // namespace
}  // namespace belay::engine
