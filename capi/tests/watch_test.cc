// Watches through the C ABI: what they are told first, and where named ones go on (S3).
#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "capi/tests/store_fixture.h"

namespace belay::capi {
namespace {

// The rows that a watch was told, as texts, in the order in which they came.
class Told {
 public:
  void Add(const Rows& rows) {
    const std::lock_guard lock(mutex_);
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    came_.notify_all();
  }
  // All that came up to `last`, which is waited for.
  Rows Until(const std::string& last) {
    std::unique_lock lock(mutex_);
    const auto is_there = [&] { return !rows_.empty() && rows_.back() == last; };
    EXPECT_TRUE(came_.wait_for(lock, std::chrono::milliseconds(kLongMs), is_there));
    return std::exchange(rows_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable came_;
  Rows rows_;
};

class WatchTest : public StoreFixture {
 protected:
  // Lives until the broker has closed.
  Told& NewTold() { return told_.emplace_back(); }
  belay_handle Attach(Told& told, const belay_watch_options& wish) {
    belay_watch_options options = wish;
    options.callback = Hook([&told](belay_call* call) {
      told.Add(ReadRows(call->request, call->request_size));
      return BELAY_OK;
    });
    belay_handle subscription = 0;
    EXPECT_EQ(belay_watch_attach(store_, &options, &subscription), BELAY_OK) << LastMessage();
    return subscription;
  }

 private:
  std::deque<Told> told_;
};

TEST_F(WatchTest, S3_AWatchMayBeginWithWhatThereIs) {
  Put("a", "1");
  Put("b", "1");
  Told& told = NewTold();
  auto options = Sized<belay_watch_options>();
  options.flags = BELAY_WATCH_STATE_FIRST;
  options.start = "b";
  options.start_size = 1;
  Attach(told, options);
  EXPECT_EQ(told.Until("synced"), (Rows{"reset", "+b=1", "synced"}));
  Put("a", "2");
  Put("b", "2");
  EXPECT_EQ(told.Until("+b=2"), (Rows{"+b=2"}));
}

TEST_F(WatchTest, S3_TheHistoryGoesBackAsFarAsTheOptionsSay) {
  Close();
  auto broker_options = Sized<belay_broker_options>();
  broker_options.store_path = path_.c_str();
  broker_options.history_revisions = 3;
  ASSERT_EQ(belay_open(&broker_options, &broker_), BELAY_OK) << LastMessage();
  ASSERT_EQ(belay_store_open(broker_, &store_), BELAY_OK);
  for (int i = 0; i < 10; ++i) Put("k", "v");
  std::uint64_t current = 0;
  std::uint64_t oldest = 0;
  ASSERT_EQ(belay_store_revision(store_, &current, &oldest), BELAY_OK);
  EXPECT_EQ(oldest, current - 2);
}

TEST_F(WatchTest, S3_OldValuesOnRequest) {
  Put("k", "1");
  Told& told = NewTold();
  auto options = Sized<belay_watch_options>();
  options.flags = BELAY_WATCH_OLD_VALUES;
  Attach(told, options);
  Put("k", "2");
  ASSERT_EQ(belay_store_delete(store_, "k", 1, nullptr, nullptr), BELAY_OK);
  EXPECT_EQ(told.Until("-k"), (Rows{"?k=1", "+k=2", "?k=2", "-k"}));
}

TEST_F(WatchTest, S3_ANamedWatchGoesOnInTheNextProcess) {
  auto options = Sized<belay_watch_options>();
  options.name = "billing";
  {
    Told& told = NewTold();
    Attach(told, options);
    Put("k", "1");
    EXPECT_EQ(told.Until("+k=1"), (Rows{"+k=1"}));
    // A call begins when the one before it has been accepted; whether this one is, is not known.
    Put("k", "2");
    EXPECT_EQ(told.Until("+k=2"), (Rows{"+k=2"}));
    Close();
  }
  Open();
  Put("k", "3");
  Told& told = NewTold();
  const belay_handle subscription = Attach(told, options);
  const Rows rest = told.Until("+k=3");
  EXPECT_EQ(std::count(rest.begin(), rest.end(), "+k=1"), 0);
  belay_handle second = 0;
  options.callback = Hook([](belay_call*) { return BELAY_OK; });
  EXPECT_EQ(belay_watch_attach(store_, &options, &second), BELAY_ALREADY_EXISTS);
  EXPECT_EQ(belay_watch_forget(store_, "billing"), BELAY_FAILED_PRECONDITION);
  EXPECT_EQ(belay_release(subscription), BELAY_OK);
  EXPECT_EQ(belay_watch_forget(store_, "billing"), BELAY_OK) << LastMessage();
  EXPECT_EQ(belay_watch_forget(store_, "billing"), BELAY_NOT_FOUND);
}

}  // namespace
}  // namespace belay::capi
