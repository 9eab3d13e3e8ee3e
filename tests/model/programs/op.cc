#include "tests/model/programs/op.h"

#include <array>

#include "tests/model/random.h"

namespace belay::programs {
namespace {

struct Entry {
  std::string_view name;
  unsigned weight;  // how often, among all
};

// In the order of Do. Calls that change threads (Drain, Transfer of strands' callbacks) are dear and rarer
// than they are interesting; what makes handles is about as frequent as what ends them.
constexpr std::array<Entry, kOpCount> kEntries = {{
    {"OpenOwner", 30},  {"CloseOwner", 14}, {"DetachOwner", 4},  {"Register", 130},
    {"Retain", 100},    {"Release", 110},   {"Transfer", 30},    {"Unregister", 30},
    {"Invoke", 150},    {"Submit", 60},     {"Post", 20},        {"Broadcast", 15},
    {"Cancel", 15},     {"Suspend", 14},    {"Resume", 14},      {"Quarantine", 12},
    {"Restore", 12},    {"Drain", 6},       {"DrainNotify", 10}, {"Pin", 40},
    {"CallPinned", 30}, {"Unpin", 35},      {"OpenQueue", 12},   {"Poll", 25},
    {"Finish", 25},     {"RunQueue", 10},   {"OpenStrand", 2},   {"Bind", 40},
    {"Unbind", 12},     {"Resolve", 40},    {"Describe", 20},    {"CloseBroker", 0},
}};

constexpr unsigned kTotalWeight = [] {
  unsigned total = 0;
  for (const Entry& entry : kEntries) total += entry.weight;
  return total;
}();

Do Choose(std::uint64_t ticket) {
  std::size_t i = 0;
  while (ticket >= kEntries[i].weight) ticket -= kEntries[i++].weight;
  return static_cast<Do>(i);
}

// A broker of its own, which closing needs, costs as much as a hundred operations.
constexpr std::uint64_t kProgramsPerClose = 200;

}  // namespace

std::string_view NameOf(Do what) { return kEntries[static_cast<std::size_t>(what)].name; }

std::string ToSource(const Program& program) {
  std::string text = "{";
  for (const Op& op : program) {
    if (text.size() > 1) text += ",\n ";
    text += "{Do::k" + std::string(NameOf(op.what)) + ", " + std::to_string(op.a) + ", " +
            std::to_string(op.b) + ", " + std::to_string(op.c) + "}";
  }
  return text + "}";
}

Program Generate(std::uint64_t seed, std::size_t length) {
  model::Random random(seed);
  Program program(length);
  for (Op& op : program) {
    op.what = Choose(random.Below(kTotalWeight));
    const std::uint64_t operands = random.Next();
    op.a = static_cast<std::uint8_t>(operands);
    op.b = static_cast<std::uint8_t>(operands >> 8U);
    op.c = static_cast<std::uint8_t>(operands >> 16U);
  }
  if (random.OneIn(kProgramsPerClose) && length != 0)
    program[random.Below(length)].what = Do::kCloseBroker;
  return program;
}

}  // namespace belay::programs
