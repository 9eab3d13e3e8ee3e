// What a store had acknowledged before a crash, and whether it still has all of it.
//
// It is for programs each of whose commits puts the same number of keys, all to one value: so a
// commit that nobody was told of can be seen to be whole, too.
//
// Invariants, to which Check() holds a store
//   - An acknowledged commit that was to last is there, at its revision, as it was. One that was not
//     is there, or is gone with all that came after it (S2).
//   - History has each revision from 1 to the current one, and each is a whole commit (S1, S2).
//   - Keys hold what history says: value and revision of their last change, and nothing else.
//
// Thread safety: Note() may be called from any thread, the rest when nobody does.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "broker/storage/store.h"

namespace belay::storage {

class CommitJournal {
 public:
  enum class Promise { kLasts, kMayBeLost };

  explicit CommitJournal(std::size_t rows_per_commit) : rows_per_commit_(rows_per_commit) {}

  // A commit that put `keys`, in this order, to `value`.
  void Note(Revision revision, std::vector<std::string> keys, std::string value, Promise promise);

  // Fails the running test for whatever does not hold.
  void Check(Store& store) const;

  std::size_t size() const { return commits_.size(); }
  // 0: nothing was acknowledged.
  Revision last() const { return commits_.empty() ? 0 : commits_.rbegin()->first; }

 private:
  struct Commit {
    std::vector<std::string> keys;
    std::string value;
    Promise promise;
  };

  const std::size_t rows_per_commit_;
  std::mutex mutex_;
  std::map<Revision, Commit> commits_;
};

}  // namespace belay::storage
