// Rows of a benchmark suite, in the one form that tools/bench reads.
//
// A row goes, as one JSON object per line, to the end of the file named by BELAY_BENCH_OUT, or to stdout
// without it. To the end, because the processes of one suite write to it one after the other.
//
// Invariants
//   - `ratio` is value to baseline, and `within` says what `budget` makes of it: nobody else decides that.
//
// Thread safety: none needed: a suite reports from one thread.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace belay::bench {

struct Row {
  std::string name;                // what was measured; no quotes in it
  double value = 0;                // in `unit`
  std::string unit;                // "ns/call"
  std::optional<double> baseline;  // the bare shim or peer, measured in the same run
  std::optional<double> ratio;     // value to baseline
  std::optional<double> budget;    // what ratio (or, without one, value) must keep to
  bool within = true;
};

// A figure to know, without a budget.
inline Row Plain(std::string name, double value, std::string unit) {
  return {std::move(name), value, std::move(unit), {}, {}, {}, true};
}

// A value that must be at most `budget`.
inline Row Within(std::string name, double value, std::string unit, double budget) {
  return {std::move(name), value, std::move(unit), {}, {}, budget, value <= budget};
}

// A value that must be at least `budget`.
inline Row Reaching(std::string name, double value, std::string unit, double budget) {
  return {std::move(name), value, std::move(unit), {}, {}, budget, value >= budget};
}

// A figure and its ratio to `baseline`, without a budget.
inline Row Beside(std::string name, double value, std::string unit, double baseline) {
  return {std::move(name), value, std::move(unit), baseline, value / baseline, {}, true};
}

enum class Keep { kAtMost, kAtLeast };

// A row whose ratio to `baseline` must be at most, or at least, `budget`.
inline Row Against(std::string name, double value, std::string unit, double baseline, Keep keep,
                   double budget) {
  Row row = Beside(std::move(name), value, std::move(unit), baseline);
  row.budget = budget;
  row.within = keep == Keep::kAtMost ? *row.ratio <= budget : *row.ratio >= budget;
  return row;
}

// The row as one line of JSON, without the newline.
inline std::string ToJson(const Row& row) {
  const auto number = [](const std::optional<double>& value) -> std::string {
    if (!value) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", *value);
    return text;
  };
  return "{\"name\": \"" + row.name + "\", \"value\": " + number(row.value) + ", \"unit\": \"" +
         row.unit + "\", \"baseline\": " + number(row.baseline) +
         ", \"ratio\": " + number(row.ratio) + ", \"budget\": " + number(row.budget) +
         ", \"within\": " + (row.within ? "true" : "false") + "}";
}

class Report {
 public:
  Report() {
    const char* path = std::getenv("BELAY_BENCH_OUT");
    if (path != nullptr && (file_ = std::fopen(path, "a")) == nullptr) {
      std::perror(path);
      std::exit(2);
    }
  }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  ~Report() {
    if (file_ != nullptr) std::fclose(file_);
  }

  void Add(const Row& row) {
    std::fprintf(file_ != nullptr ? file_ : stdout, "%s\n", ToJson(row).c_str());
  }

 private:
  std::FILE* file_ = nullptr;
};

}  // namespace belay::bench
