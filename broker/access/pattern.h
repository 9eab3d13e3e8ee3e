// Pattern: a text, or how texts begin: "shop/cart" is that text, "shop/*" every one that begins with "shop/", "*" every
// one. An asterisk has its meaning at the end alone, and stands nowhere else: what matches is seen at a glance.
//
// Thread safety: values.
#pragma once

#include <string>
#include <string_view>

#include "broker/base/status.h"

namespace belay::access {

class Pattern {
 public:
  // INVALID_ARGUMENT for an empty one, and for an asterisk that is not at the end.
  static base::Result<Pattern> Parse(std::string_view text) {
    const std::size_t star = text.find('*');
    if (text.empty() || (star != std::string_view::npos && star + 1 != text.size())) {
      return base::Status(base::Code::kInvalidArgument,
                          "expected a text, or a text that ends with its only *");
    }
    return Pattern(std::string(text.substr(0, star)), star != std::string_view::npos);
  }

  bool Matches(std::string_view text) const {
    return is_prefix_ ? text.starts_with(text_) : text == text_;
  }
  bool operator==(const Pattern&) const = default;

 private:
  Pattern(std::string text, bool is_prefix) : text_(std::move(text)), is_prefix_(is_prefix) {}

  std::string text_;
  bool is_prefix_;
};

}  // namespace belay::access
