// Formatting and parsing; see text.h.
#include "tools/belayctl/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>

namespace belay::ctl {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 0;  // bytes; 0: no UTF-8
};

// The first code point of `text`. REQUIRES: !text.empty()
CodePoint First(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {};
  char32_t value = lead & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0u) != 0x80u) return {};
    value = (value << 6) | (byte(i) & 0x3fu);
  }
  constexpr std::array<char32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[size] || value > 0x10ffff || is_surrogate) return {};
  return {value, size};
}

// Changes how the text around it is shown: C0, DEL, C1, line separators, bidirectional controls.
bool IsControl(char32_t value) {
  return value < 0x20 || (value >= 0x7f && value < 0xa0) || (value >= 0x200e && value <= 0x200f) ||
         (value >= 0x2028 && value <= 0x202e) || (value >= 0x2066 && value <= 0x2069);
}

std::string EscapeOne(std::string_view text, const CodePoint& first) {
  if (first.size == 0) return fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
  switch (first.value) {
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\\': return "\\\\";
    default: break;
  }
  if (!IsControl(first.value)) return std::string(text.substr(0, first.size));
  if (first.value < 0x80) return fmt::format("\\x{:02x}", static_cast<unsigned>(first.value));
  return fmt::format("\\u{{{:x}}}", static_cast<unsigned>(first.value));
}

}  // namespace

std::string FormatHandle(std::uint64_t handle) { return fmt::format("{:#018x}", handle); }

std::optional<std::uint64_t> ParseHandle(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  std::uint64_t handle = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), handle, base);
  if (error != std::errc() || end != text.data() + text.size() || handle == 0) return std::nullopt;
  return handle;
}

std::string FormatAge(std::int64_t age_ns) {
  const std::int64_t ms = std::max<std::int64_t>(age_ns, 0) / 1'000'000;
  const std::int64_t seconds = ms / 1000;
  if (ms < 1000) return fmt::format("{}ms", ms);
  if (seconds < 60) return fmt::format("{}.{}s", seconds, ms % 1000 / 100);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600);
}

std::optional<std::uint32_t> ParseDurationMs(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::array<std::pair<std::string_view, double>, 5> kUnits = {
      {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60'000}, {"h", 3'600'000}}};
  for (const auto& [name, factor] : kUnits) {
    if (unit != name) continue;
    const double ms = number * factor;
    if (!(ms >= 1) || ms > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
    return static_cast<std::uint32_t>(ms);
  }
  return std::nullopt;
}

std::string Escape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint first = First(text);
    out += EscapeOne(text, first);
    text.remove_prefix(std::max<std::size_t>(first.size, 1));
  }
  return out;
}

std::string Shorten(std::string_view text, std::size_t width) {
  std::size_t used = 0;
  std::size_t end = 0;      // of what was taken
  std::size_t fits_to = 0;  // of what leaves room for the ellipsis
  while (end < text.size()) {
    const CodePoint first = First(text.substr(end));
    used += Width(EscapeOne(text.substr(end), first));
    if (used > width) return std::string(text.substr(0, fits_to)) + "…";
    end += std::max<std::size_t>(first.size, 1);
    if (used + 1 <= width) fits_to = end;
  }
  return std::string(text);
}

std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u;
  }));
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = First(text).size;
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string JsonString(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 1) + 1;
  for (const std::string& candidate : candidates) {
    // Edit distance, one row of the table at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t change = diagonal + (word[i - 1] == candidate[j - 1] ? 0u : 1u);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace belay::ctl
