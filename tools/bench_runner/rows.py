"""The one form in which every benchmark suite reports, and its table.

A suite writes one JSON object per line to the file named by BELAY_BENCH_OUT:
  name      what was measured
  value     the measurement, in `unit`
  unit      "ns/call", "calls/s", ...
  baseline  the same by the bare shim or peer of the same run; null if there is none
  ratio     value against baseline; null without one
  budget    what the ratio (without a baseline: the value) must keep to; null if nothing
  within    whether it does; true without a budget
"""
import json

KEYS = ("name", "value", "unit", "baseline", "ratio", "budget", "within")
_NUMBER = (int, float)
_OPTIONAL = (int, float, type(None))
_TYPES = {"name": str, "value": _NUMBER, "unit": str, "baseline": _OPTIONAL, "ratio": _OPTIONAL,
          "budget": _OPTIONAL, "within": bool}
GREEN, RED, PLAIN = "\033[32m", "\033[31m", "\033[0m"


def parse(text):
    """The rows of a suite's output. Raises ValueError naming the line that is not one."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is not JSON ({error}): {line}") from error
        if not isinstance(row, dict) or set(row) != set(KEYS):
            raise ValueError(f"line {number} must have exactly the keys {', '.join(KEYS)}: {line}")
        for key, kinds in _TYPES.items():
            if not isinstance(row[key], kinds) or (isinstance(row[key], bool) and key != "within"):
                raise ValueError(f"line {number}: {key} is {row[key]!r}: {line}")
        rows.append({key: row[key] for key in KEYS})
    return rows


def number(value):
    """Four significant digits, thousands apart; empty for null."""
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def verdict(row):
    if row["budget"] is None:
        return ""
    return "ok" if row["within"] else "OVER"


def table(rows, color=False):
    """Aligned columns; `within` says ok or OVER, in green or red if `color`, and nothing without a budget."""
    cells = [list(KEYS)]
    for row in rows:
        cells.append([row["name"], number(row["value"]), row["unit"], number(row["baseline"]), number(row["ratio"]),
                      number(row["budget"]), verdict(row)])
    widths = [max(len(line[i]) for line in cells) for i in range(len(KEYS))]
    text_columns = (0, 2, 6)
    lines = []
    for index, line in enumerate(cells):
        padded = [c.ljust(w) if i in text_columns else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))]
        if color and index and line[-1]:
            padded[-1] = (GREEN if rows[index - 1]["within"] else RED) + padded[-1] + PLAIN
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
