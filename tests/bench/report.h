// Rows of a benchmark suite, in the one form that tools/bench reads.
//
// A row goes, as one JSON object per line, to the file named by BELAY_BENCH_OUT, or to stdout without it.
// Thread safety: none needed: a suite reports from one thread.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

namespace belay::bench {

struct Row {
  std::string name;                // what was measured
  double value = 0;                // in `unit`
  std::string unit;                // "ns/call"
  std::optional<double> baseline;  // the bare shim or peer, measured in the same run
  std::optional<double> ratio;     // value to baseline
  std::optional<double> budget;    // what ratio (or, without one, value) must keep to
  bool within = true;
};

enum class Keep { kAtMost, kAtLeast };

// A row whose ratio to `baseline` must be at most, or at least, `budget`.
inline Row Against(std::string name, double value, std::string unit, double baseline, Keep keep,
                   double budget) {
  const double ratio = value / baseline;
  return {std::move(name),
          value,
          std::move(unit),
          baseline,
          ratio,
          budget,
          keep == Keep::kAtMost ? ratio <= budget : ratio >= budget};
}

class Report {
 public:
  Report() {
    const char* path = std::getenv("BELAY_BENCH_OUT");
    if (path != nullptr && (file_ = std::fopen(path, "w")) == nullptr) {
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
    std::fprintf(
        file_ != nullptr ? file_ : stdout,
        "{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\", \"baseline\": %s, \"ratio\": %s, "
        "\"budget\": %s, \"within\": %s}\n",
        row.name.c_str(), row.value, row.unit.c_str(), Number(row.baseline).c_str(),
        Number(row.ratio).c_str(), Number(row.budget).c_str(), row.within ? "true" : "false");
  }

 private:
  static std::string Number(const std::optional<double>& number) {
    if (!number) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", *number);
    return text;
  }

  std::FILE* file_ = nullptr;
};

}  // namespace belay::bench
