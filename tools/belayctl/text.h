// Text for people and terminals: handles, ages, durations, and names that may hold anything.
//
// Thread safety: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace belay::ctl {

// "0x0300000100000007": always 18 characters, so that columns and greps line up.
std::string FormatHandle(std::uint64_t handle);
// Accepts what FormatHandle() gives, any hexadecimal with 0x, and decimal. 0 is no handle.
std::optional<std::uint64_t> ParseHandle(std::string_view text);

// "12ms", "3.4s", "5m12s", "3h04m", "2d11h"; for a negative age "0ms".
std::string FormatAge(std::int64_t age_ns);
// "500ms", "5s", "2m", "1h"; a bare number is seconds. Fractions are allowed. Milliseconds, at least 1.
std::optional<std::uint32_t> ParseDurationMs(std::string_view text);

// For a terminal: control characters, bytes that are no UTF-8 and marks that reorder text become
// \n, \x1b, \u{202e}; a backslash becomes two. The result is one line.
std::string Escape(std::string_view text);
// At most `width` columns once escaped, an ellipsis for the rest; itself not escaped.
std::string Shorten(std::string_view text, std::size_t width);
// Columns that UTF-8 text takes, one per code point.
std::size_t Width(std::string_view text);
bool IsUtf8(std::string_view text);

// A JSON string with its quotes. REQUIRES: IsUtf8(text)
std::string JsonString(std::string_view text);

// The candidate that `word` may have been meant as; "" if none is near.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace belay::ctl
