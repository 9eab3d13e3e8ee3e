#include "broker/daemon/deadlines.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace belay::daemon {
namespace {

struct Recorder final : Deadlines::Entry {
  explicit Recorder(std::vector<int>* log, int number) : fired(log), id(number) {}
  void OnDeadline() override { fired->push_back(id); }
  std::vector<int>* fired;
  int id;
};

TEST(Deadlines, FireInOrderOfTimeAndNotBefore) {
  Deadlines deadlines;
  std::vector<int> fired;
  Recorder a(&fired, 1), b(&fired, 2), c(&fired, 3);
  deadlines.Set(b, 20);
  deadlines.Set(c, 30);
  deadlines.Set(a, 10);
  EXPECT_EQ(deadlines.NextNs(), 10);
  deadlines.Advance(9);
  EXPECT_TRUE(fired.empty());
  deadlines.Advance(20);
  EXPECT_EQ(fired, (std::vector<int>{1, 2}));
  EXPECT_FALSE(a.is_set());
  EXPECT_TRUE(c.is_set());
}

TEST(Deadlines, AnEntryThatDiesIsWithdrawn) {
  Deadlines deadlines;
  std::vector<int> fired;
  auto entry = std::make_unique<Recorder>(&fired, 1);
  deadlines.Set(*entry, 10);
  entry.reset();
  EXPECT_EQ(deadlines.NextNs(), Deadlines::kNever);
  deadlines.Advance(100);
  EXPECT_TRUE(fired.empty());
}

TEST(Deadlines, AnEntryMaySetAndDestroyOthersWhenItFires) {
  Deadlines deadlines;
  struct Chain final : Deadlines::Entry {
    void OnDeadline() override {
      victim.reset();
      if (++count < 3) all->Set(*this, count * 10);
    }
    Deadlines* all = nullptr;
    std::unique_ptr<Recorder> victim;
    int count = 0;
  };
  std::vector<int> fired;
  Chain chain;
  chain.all = &deadlines;
  chain.victim = std::make_unique<Recorder>(&fired, 1);
  deadlines.Set(chain, 5);
  deadlines.Set(*chain.victim, 6);
  deadlines.Advance(1'000);
  EXPECT_EQ(chain.count, 3);
  EXPECT_TRUE(fired.empty());
  EXPECT_EQ(deadlines.size(), 0U);
}

TEST(Deadlines, AgreeWithAModel) {
  std::mt19937 random(7);
  const auto below = [&](unsigned limit) { return static_cast<std::int64_t>(random() % limit); };
  Deadlines deadlines;
  std::vector<int> fired;
  std::vector<std::unique_ptr<Recorder>> entries;
  for (int i = 0; i < 200; ++i) entries.push_back(std::make_unique<Recorder>(&fired, i));
  std::map<int, std::int64_t> model;  // id -> time
  std::int64_t now = 0;
  for (int step = 0; step < 50'000; ++step) {
    Recorder& entry = *entries[random() % entries.size()];
    if (random() % 100 == 0) {
      now += below(50);
      std::vector<std::int64_t> expected;
      for (auto it = model.begin(); it != model.end();) {
        if (it->second <= now) {
          expected.push_back(it->second);
          it = model.erase(it);
        } else {
          ++it;
        }
      }
      fired.clear();
      deadlines.Advance(now);
      ASSERT_EQ(fired.size(), expected.size());
    } else if (entry.is_set()) {
      entry.Withdraw();
      model.erase(entry.id);
    } else {
      const std::int64_t at = now + below(1'000);
      deadlines.Set(entry, at);
      model[entry.id] = at;
    }
    ASSERT_EQ(deadlines.size(), model.size());
    std::int64_t next = Deadlines::kNever;
    if (step % 16 == 0) {
      for (const auto& [id, at] : model) next = std::min(next, at);
      ASSERT_EQ(deadlines.NextNs(), next);
    }
  }
}

}  // namespace
}  // namespace belay::daemon
