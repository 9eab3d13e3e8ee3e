// Objects by number: a slot names what it leads to in four bytes.
//
// Callbacks, of which there are many, live in the arena itself, in cells of their exact size. The other
// kinds are made with `new` and only have a cell that points to them.
//
// How often a callback was called is not in its cell but in a dense row beside the cells: a thread that calls
// a million callbacks adds to that many of them, and eight share a cache line, five hundred a page.
//
// Invariants
//   - A number is an object's from Take() or Adopt() until Free(), and 0 is none.
//   - Chunks of cells stay once made, so that Get() needs no lock.
//
// Thread safety: any thread. Get() of a number is ordered after the object's making by whatever passed the
// number on. `mutex_` is a leaf.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace belay::registry {

class Object;

class ObjectArena {
 public:
  static constexpr std::size_t kCellBytes = 64;

  // Takes numbers for callbacks, as many as `numbers` has room for; returns how many: fewer if there is no
  // memory.
  std::size_t Take(std::span<std::uint32_t> numbers) noexcept;
  // Memory of kCellBytes, for the callback of that number.
  void* MemoryOf(std::uint32_t number) noexcept { return cell(number); }
  // The callback in the cell has been destroyed, or was never made; or an adopted object is gone.
  void Free(std::uint32_t number) noexcept;
  // A number for an object that lives elsewhere; 0 if there is no memory.
  std::uint32_t Adopt(Object* object) noexcept;

  Object* Get(std::uint32_t number) noexcept;

  // Calls through the callback of that number which are no longer counted with threads; 0 when the number was
  // taken. Guarded by the table's mutex for writing, so that adding is no atomic operation: many are added in
  // a row, and must not wait for each other.
  std::atomic<std::uint64_t>& calls(std::uint32_t number) noexcept {
    const std::uint32_t index = number >> 1U;
    return chunks_[index >> kChunkBits]->calls[index & (kChunkCells - 1)];
  }
  void AddCalls(std::uint32_t number, std::uint64_t more) noexcept {
    std::atomic<std::uint64_t>& total = calls(number);
    total.store(total.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }

 private:
  static constexpr unsigned kChunkBits = 10;
  static constexpr std::uint32_t kChunkCells = 1U << kChunkBits;
  static constexpr std::uint32_t kMaxChunks = 1U << 13U;  // room for 8 million objects

  struct alignas(kCellBytes) Memory {  // a cache line
    unsigned char bytes[kCellBytes];
  };
  struct Chunk {
    std::array<Memory, kChunkCells> cells;
    std::array<std::atomic<std::uint64_t>, kChunkCells> calls{};
  };
  Memory* cell(std::uint32_t number) noexcept {
    const std::uint32_t index = number >> 1U;
    return &chunks_[index >> kChunkBits]->cells[index & (kChunkCells - 1)];
  }
  // REQUIRES: mutex_ held. 0 if there is no memory.
  std::uint32_t TakeCell() noexcept;
  bool MakeChunk() noexcept;

  std::mutex mutex_;
  std::array<std::unique_ptr<Chunk>, kMaxChunks> chunks_;
  std::uint32_t made_ = 0;  // cells there are
  std::uint32_t used_ = 1;  // cells ever used are below; 0 never is
  // Free cells; has room for all that there are, so that freeing needs no memory. Not a list through the cells:
  // whoever takes one would wait for each to come from the processor that freed it.
  std::vector<std::uint32_t> free_;
};

}  // namespace belay::registry
