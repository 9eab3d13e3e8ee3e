// An ordered store as the rows use it: the few operations that all have, each asked for in the way its own
// users would. Belay, raw RocksDB and the peers implement it, so that a row is one piece of code.
//
// The virtual call is on all sides, and next to nothing beside what it asks for. An operation that fails ends
// the process with status 2: there is no figure for what did not work.
//
// Thread safety: an Engine may be used from any thread, a Session from one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace belay::bench {

// What a put that has returned promises.
enum class Durability {
  kSync,   // it is on disk
  kAsync,  // the process may be killed, the power may not fail
};

struct Entry {
  std::string_view key;
  std::string_view value;
};

// What a scan saw: the same of every engine with the same entries in it.
struct Scanned {
  std::uint64_t rows = 0;
  std::uint64_t sum = 0;  // of the first bytes of keys and values, so that each is touched

  void Add(std::string_view key, std::string_view value) {
    ++rows;
    sum += static_cast<unsigned char>(key.front());
    sum += static_cast<unsigned char>(value.front());
  }
  bool operator==(const Scanned&) const = default;
};

class Session {
 public:
  virtual ~Session() = default;

  // The first byte of the value. REQUIRES: the key is there, its value is neither empty nor beyond 4 KiB.
  virtual char Get(std::string_view key) = 0;
  virtual void Put(std::string_view key, std::string_view value) = 0;
  // All or nothing. REQUIRES: no key twice.
  virtual void PutAll(std::span<const Entry> entries) = 0;
  // Of everything, in the order of keys.
  virtual Scanned Scan() = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // REQUIRES: sessions are destroyed before their engine.
  virtual std::unique_ptr<Session> NewSession() = 0;
};

}  // namespace belay::bench
