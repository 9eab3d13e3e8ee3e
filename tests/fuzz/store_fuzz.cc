// The same with a store. To open one is slow: one broker serves all inputs of the process, whose handles each
// of them finds in its table, and what an input leaves in the store the next one sees.
#include <cstdlib>
#include <filesystem>
#include <string>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define BELAY_FUZZ_LEAKS 1
#endif
#endif

#include "broker/registry/handle_table.h"
#include "tests/fuzz/world.h"

namespace {

using belay::fuzz::Violation;

// What an open broker holds, it holds by slots of the handle table. LeakSanitizer, which the fuzzer asks after
// inputs, does not look into mapped memory unless it is told to.
void ShowSlotsToLeakSanitizer() {
#ifdef BELAY_FUZZ_LEAKS
  constexpr std::size_t kSlots = 1U << 16U;  // more than ever are in use at once
  using belay::registry::HandleTable;
  __lsan_register_root_region(&HandleTable::Get().slot(0), kSlots * sizeof(belay::registry::Slot));
#endif
}

class StoreBroker {
 public:
  StoreBroker() {
    ShowSlotsToLeakSanitizer();
    const char* const temporary = std::getenv("TEST_TMPDIR");
    folder_ = std::string(temporary == nullptr ? "/tmp" : temporary) + "/belay-fuzz-XXXXXX";
    if (mkdtemp(folder_.data()) == nullptr) Violation("setup", "no folder " + folder_);
    belay_broker_options options{};
    options.struct_size = sizeof options;
    options.store_path = folder_.c_str();
    if (belay_open(&options, &handles_[0]) != BELAY_OK ||
        belay_store_open(handles_[0], &handles_[1]) != BELAY_OK)
      Violation("setup", "the store does not open in " + folder_);
  }
  StoreBroker(const StoreBroker&) = delete;
  StoreBroker& operator=(const StoreBroker&) = delete;
  ~StoreBroker() {
    if (belay_close(handles_[0], 30'000) != BELAY_OK) Violation("R12", "the store does not close");
    std::filesystem::remove_all(folder_);
  }

  std::span<const belay_handle> handles() const { return handles_; }

 private:
  std::string folder_;
  belay_handle handles_[2] = {};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const StoreBroker broker;
  belay::fuzz::World({data, size}, broker.handles()).Run();
  return 0;
}
