"""A table of line coverage by folder, from the lcov report of `bazel coverage`."""
import collections


def by_folder(report):
    """{folder: (lines hit, lines found)} of an lcov report's text, depth at most two."""
    table = collections.defaultdict(lambda: [0, 0])
    folder = None
    for row in report.splitlines():
        tag, _, rest = row.partition(":")
        if tag == "SF":
            folder = "/".join(rest.split("/")[:-1][:2])
        elif tag == "DA" and folder is not None:
            table[folder][1] += 1
            table[folder][0] += int(rest.split(",")[1]) > 0
    return {name: tuple(counts) for name, counts in sorted(table.items())}


def table(report):
    """The same as text, with a total; empty if the report holds no line."""
    rows = by_folder(report)
    if not rows:
        return ""
    rows["total"] = tuple(map(sum, zip(*rows.values())))
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {100 * hit / found:5.1f} %  {hit:>6} of {found}"
                     for name, (hit, found) in rows.items())
