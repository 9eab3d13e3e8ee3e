// The broker over the embedded store: the main job of watches and filters, end to end.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "broker/engine/broker.h"
#include "broker/engine/cursor.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {
namespace {

using base::Code;
using base::Status;

constexpr std::int64_t kPatienceNs = 30'000'000'000;

TEST(BrokerRocksTest, S1_S3_WriteScanFilterWatchReopen) {
  std::string pattern = std::string(std::getenv("TEST_TMPDIR")) + "/engine_XXXXXX";
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  for (int round = 0; round < 2; ++round) {
    BrokerOptions options;
    options.store_path = pattern + "/store";
    auto opened = Broker::Open(options);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    auto broker = *opened;
    EXPECT_EQ(Broker::Open(options).status().reason(), "STORE_LOCKED");
    storage::Store& store = **broker->store();
    Mailbox<std::vector<Change>> mail;
    const Probe watcher =
        Probe::Native(broker->handle(), [&](const registry::Request& request, std::string*) {
          mail.Put(Decode(request.payload));
          return Status();
        });
    const Probe filter =
        Probe::Native(broker->handle(), [](const registry::Request& request, std::string* reply) {
          const auto rows = Decode(request.payload);
          reply->assign((rows.size() + 7) / 8, '\0');
          for (std::uint32_t i = 0; i < rows.size(); ++i) {
            if (rows[i].key.back() == '7') storage::FilterKeep(reply, i);
          }
          return Status();
        });
    WatchOptions watch;
    watch.start = "k1";
    watch.end = "k2";
    watch.from_revision = 1;
    watch.callback = watcher.handle();
    ASSERT_TRUE(broker->AttachWatch(watch).ok());
    for (int i = 0; i < 1'000; ++i) {
      ASSERT_TRUE(
          storage::Put(store, "k" + std::to_string(i), "v", storage::Durability::kAsync).ok());
    }
    // k1, k10..k19, k100..k199: and in the second round all history once more.
    std::size_t seen = 0;
    storage::Revision last = 0;
    while (seen < 111U * static_cast<std::size_t>(round + 1)) {
      auto changes = mail.Take();
      ASSERT_TRUE(changes.has_value());
      for (const Change& change : *changes) {
        EXPECT_TRUE(change.key.starts_with("k1"));
        EXPECT_GT(change.revision, last);
        last = change.revision;
        ++seen;
      }
    }
    CursorOptions scan;
    scan.filter = filter.handle();
    auto cursor = Cursor::Open(broker, scan);
    ASSERT_TRUE(cursor.ok());
    std::size_t kept = 0;
    for (;;) {
      auto block = (*cursor)->Next(4'096, nullptr);
      if (!block.ok()) {
        EXPECT_EQ(block.code(), Code::kEnd);
        break;
      }
      kept += Decode(*block).size();
    }
    EXPECT_EQ(kept, 100U);
    cursor = Status(Code::kEnd, "dropped");
    EXPECT_TRUE(broker->Close(kPatienceNs).ok());
    opened = Status(Code::kEnd, "dropped");
    broker = nullptr;
    EXPECT_EQ(watcher.releases() + filter.releases(), 2);
  }
  std::filesystem::remove_all(pattern);
}

}  // namespace
}  // namespace belay::engine
