// Column alignment; see table.h.
#include "tools/belayctl/table.h"

#include <algorithm>
#include <utility>

#include "tools/belayctl/text.h"

namespace belay::ctl {

Table::Table(std::vector<Column> columns, bool has_header)
    : columns_(std::move(columns)), is_header_due_(has_header) {
  for (const Column& column : columns_) widths_.push_back(has_header ? Width(column.title) : 0);
}

void Table::AddRow(std::vector<std::string> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i] = cells[i].empty() ? "-" : Escape(cells[i]);
    widths_[i] = std::max(widths_[i], Width(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

std::string Table::Line(const std::vector<std::string>& cells) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string padding(widths_[i] - std::min(widths_[i], Width(cells[i])), ' ');
    const bool is_last = i + 1 == cells.size();
    if (columns_[i].is_number) {
      line += padding + cells[i];
    } else {
      line += cells[i];
      if (!is_last) line += padding;
    }
    if (!is_last) line += "  ";
  }
  return line + "\n";
}

std::string Table::Render() {
  std::string out;
  if (std::exchange(is_header_due_, false)) {
    std::vector<std::string> titles;
    for (const Column& column : columns_) titles.push_back(column.title);
    out += Line(titles);
  }
  for (const std::vector<std::string>& row : rows_) out += Line(row);
  rows_.clear();
  return out;
}

void Table::Flush(std::FILE* out) {
  const std::string text = Render();
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

}  // namespace belay::ctl
