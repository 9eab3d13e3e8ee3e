// Table: aligned columns, printed page by page.
//
// Widths grow with what has been seen and never shrink, so the first page is out before the last one is
// known. Cells are escaped here: callers pass names as they came.
//
// Thread safety: none; one thread.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

namespace belay::ctl {

struct Column {
  std::string title;
  bool is_number = false;  // aligned to the right
};

class Table {
 public:
  Table(std::vector<Column> columns, bool has_header);

  // REQUIRES: as many cells as columns
  void AddRow(std::vector<std::string> cells);
  // Prints what has been added since the last time; the header goes first, once, also of an empty table.
  void Flush(std::FILE* out);
  // The same into a string.
  std::string Render();

 private:
  std::string Line(const std::vector<std::string>& cells) const;

  const std::vector<Column> columns_;
  std::vector<std::size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool is_header_due_;
};

}  // namespace belay::ctl
