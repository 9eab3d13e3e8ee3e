// A broker over a store in memory, and cursors on it.
//
// Thread safety: none; the test's main thread.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "broker/engine/cursor.h"
#include "broker/engine/testing/fake_store.h"
#include "broker/engine/testing/probe.h"

namespace belay::engine {

inline constexpr std::size_t kPlenty = std::size_t{1} << 20;

class CursorTest : public testing::Test {
 protected:
  void SetUp() override {
    auto store = std::make_unique<FakeStore>();
    store_ = store.get();
    auto opened = Broker::OpenWith({}, std::move(store));
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    broker_ = *opened;
  }
  void TearDown() override {
    if (broker_ == nullptr) return;
    EXPECT_TRUE(broker_->Close(10'000'000'000).ok());
  }

  void Fill(int count) {
    for (int i = 0; i < count; ++i) {
      char key[16];
      std::snprintf(key, sizeof key, "k%05d", i);
      store_->Put(key, std::to_string(i));
    }
  }
  // Keeps rows whose value is divisible by `divisor`.
  Probe MakeFilter(int divisor) {
    return Probe::Native(
        broker_->handle(), [this, divisor](const registry::Request& request, std::string* reply) {
          const auto rows = Decode(request.payload);
          seen_.push_back(rows.size());
          reply->assign(storage::FilterBitmapBytes(static_cast<std::uint32_t>(rows.size())), '\0');
          for (std::uint32_t i = 0; i < rows.size(); ++i) {
            if (std::stoi(rows[i].value) % divisor == 0) storage::FilterKeep(reply, i);
          }
          return base::Status();
        });
  }
  registry::Ref<Cursor> MustOpen(const CursorOptions& options) {
    auto cursor = Cursor::Open(broker_, options);
    EXPECT_TRUE(cursor.ok()) << cursor.status().ToString();
    return *cursor;
  }
  // All rows, and the code that ended it.
  std::vector<Change> ReadAll(Cursor& cursor, base::Code* end, std::size_t max_bytes = kPlenty) {
    std::vector<Change> all;
    for (;;) {
      auto block = cursor.Next(max_bytes, nullptr);
      *end = block.code();
      if (!block.ok()) return all;
      EXPECT_LE(block->size(), max_bytes);
      const auto rows = Decode(*block);
      EXPECT_FALSE(rows.empty());
      all.insert(all.end(), rows.begin(), rows.end());
    }
  }

  FakeStore* store_ = nullptr;
  std::shared_ptr<Broker> broker_;
  std::vector<std::size_t> seen_;
};

}  // namespace belay::engine
