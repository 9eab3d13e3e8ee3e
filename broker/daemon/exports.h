// Exports: callbacks that whoever shows a token may have (W2).
//
// A token is 32 random bytes. The first half finds its export, the second is compared in constant time; one
// answer stands for all that are refused, so that asking tells nothing about tokens that one has not got.
//
// Invariants
//   - An export holds a handle of its own until it is over: used as often as was said, past its time, or revoked.
//   - A use counts when the importer has its handle.
//
// Thread safety: everything on the loop's thread.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/base/status.h"
#include "broker/daemon/deadlines.h"
#include "broker/registry/handle.h"

namespace belay::daemon {

class Exports {
 public:
  explicit Exports(Deadlines& deadlines) : deadlines_(deadlines) {}
  ~Exports();

  struct Terms {
    registry::Handle handle = 0;  // from now on the export's; with the right to retain
    std::uint32_t rights = 0;     // of the importers' handles
    std::uint32_t uses = 1;
    std::int64_t until_ns = 0;
    std::function<void()> over;  // called when it is over otherwise than by Revoke()
  };
  // A new one's token.
  std::string Add(Terms terms);
  // A handle of `holder`'s own (0: the exporter's). NOT_FOUND, reason BAD_TOKEN; those of Registry::Retain.
  base::Result<registry::Handle> Import(std::string_view token, registry::Handle holder);
  // Ends it, if it is not over.
  void Revoke(std::string_view token);
  std::size_t size() const { return exports_.size(); }

 private:
  static constexpr std::size_t kHalfBytes = 16;

  struct Export final : Deadlines::Entry {
    ~Export() override;
    void OnDeadline() override { exports->End(key); }
    Exports* exports = nullptr;
    std::string key;
    std::array<char, kHalfBytes> secret{};
    Terms terms;
  };

  // Null if there is none of that token.
  Export* Find(std::string_view token);
  void End(const std::string& key);

  Deadlines& deadlines_;
  std::unordered_map<std::string, std::unique_ptr<Export>> exports_;
};

}  // namespace belay::daemon
