// Deadlines: things that happen at a time unless they are withdrawn first, as most are.
//
// A binary heap whose entries know their place in it: adding what is due last costs one comparison, and
// so does withdrawing it. Entries live in whatever they belong to and withdraw themselves when they die.
//
// Thread safety: none; everything happens on the loop's thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace belay::daemon {

class Deadlines {
 public:
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    virtual ~Entry() { Withdraw(); }
    // The time has come. The entry is out of the heap already and may be destroyed or set again.
    virtual void OnDeadline() = 0;
    void Withdraw();
    bool is_set() const { return deadlines_ != nullptr; }

   private:
    friend class Deadlines;
    Deadlines* deadlines_ = nullptr;
    std::size_t index_ = 0;
  };

  static constexpr std::int64_t kNever = INT64_MAX;

  // REQUIRES: the entry is not set.
  void Set(Entry& entry, std::int64_t at_ns);
  // When the next entry is due; kNever if there is none.
  std::int64_t NextNs() const { return heap_.empty() ? kNever : heap_.front().at_ns; }
  // Calls OnDeadline() of all that are due.
  void Advance(std::int64_t now_ns);
  std::size_t size() const { return heap_.size(); }

 private:
  struct Place {
    std::int64_t at_ns;
    Entry* entry;
  };
  void Put(std::size_t index, Place place);
  void SiftUp(std::size_t index, Place place);
  void SiftDown(std::size_t index, Place place);
  void Remove(std::size_t index);

  std::vector<Place> heap_;
};

}  // namespace belay::daemon
