// How far back watches may ask, by the number of revisions and by their age. The disk is bounded by bytes, which
// is RocksDB's matter: files go when the history is larger than that, whoever could still ask for them.
//
// Ages are told by samples, 32 in the time that is kept, so history goes in steps, late by one of them at most. A
// process that starts takes all that it finds to be of that moment.
//
// Thread safety: none; the leader of a group alone.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "broker/storage/row_block.h"

namespace belay::storage {

class HistoryBounds {
 public:
  // 0: no bound.
  HistoryBounds(Revision max_revisions, std::int64_t max_age_ns)
      : max_revisions_(max_revisions), max_age_ns_(max_age_ns) {}

  // The oldest revision within both bounds, when `current` is the newest at `now_ns` (monotonic).
  Revision Oldest(Revision current, std::int64_t now_ns) {
    Sample(current, now_ns);
    if (max_revisions_ != 0 && current > max_revisions_)
      oldest_ = std::max(oldest_, current - max_revisions_ + 1);
    return oldest_;
  }

 private:
  static constexpr std::int64_t kSamples = 32;
  struct Moment {
    std::int64_t at_ns;
    Revision newest;  // then
  };

  void Sample(Revision current, std::int64_t now_ns) {
    if (max_age_ns_ == 0) return;
    while (!moments_.empty() && now_ns - moments_.front().at_ns > max_age_ns_) {
      oldest_ = std::max(oldest_, moments_.front().newest + 1);
      moments_.pop_front();
    }
    if (moments_.empty() || now_ns - moments_.back().at_ns >= max_age_ns_ / kSamples)
      moments_.push_back({now_ns, current});
  }

  const Revision max_revisions_;
  const std::int64_t max_age_ns_;
  Revision oldest_ = 1;
  std::deque<Moment> moments_;
};

}  // namespace belay::storage
