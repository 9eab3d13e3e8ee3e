// The two fields that the samples look at in a record of Debian's package database, which is a text of
// lines "Field: value".
#pragma once

#include <charconv>
#include <string_view>

namespace belay::samples {

// The value of a field, "" if the record does not have it. `field` with its colon: "Section:".
inline std::string_view Field(std::string_view record, std::string_view field) {
  while (!record.empty()) {
    std::string_view line = record.substr(0, record.find('\n'));
    record.remove_prefix(line.size() < record.size() ? line.size() + 1 : line.size());
    if (line.substr(0, field.size()) != field) continue;
    line.remove_prefix(field.size());
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    return line;
  }
  return {};
}

// "net" of "net" and of "contrib/net".
inline std::string_view Section(std::string_view record) {
  const std::string_view section = Field(record, "Section:");
  return section.substr(section.rfind('/') + 1);
}

// 0 if it is not said.
inline long InstalledKib(std::string_view record) {
  const std::string_view text = Field(record, "Installed-Size:");
  long kib = 0;
  std::from_chars(text.data(), text.data() + text.size(), kib);
  return kib;
}

}  // namespace belay::samples
