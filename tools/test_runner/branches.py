"""Lines and branches of the source that no test reached, from clang's coverage.

clang counts branches of the source, and nothing but those: not the edges along
which exceptions leave, of which gcov sees one at every call. What no test can
reach is listed in unreachable.txt, one by one with the reason. Everything else
must have been reached, and everything listed must not.
"""
import collections
import dataclasses
import itertools
import re


# Lines that are none.
BRACES = ("", "}", "};", "} else {")

# From there on, until the next one, what the file holds ran so often.
Segment = collections.namedtuple("Segment", "line column count has_count is_entry is_gap")


@dataclasses.dataclass(frozen=True, order=True)
class Gap:
    """A line that did not run, or an outcome that a condition never had."""
    file: str
    line: int
    function: str  # as demangled, with its namespaces
    code: str      # the line's text
    what: str      # "never runs", "`x` is never true", ...

    def __str__(self):
        return f"{self.file}:{self.line}: {self.what}\n    {self.code}\n    in {self.function}"


@dataclasses.dataclass(frozen=True)
class Excuse:
    """A Gap that unreachable.txt gives a reason for."""
    file: str
    function: str  # a part of its name
    code: str
    what: str

    def covers(self, gap):
        return ((self.file, self.code, self.what) == (gap.file, gap.code, gap.what)
                and self.function in gap.function)

    def __str__(self):
        return f"{self.file}, {self.function}: {self.what}\n    {self.code}"


@dataclasses.dataclass
class Count:
    """Of one file, or of many added up."""
    lines_hit: int = 0
    lines: int = 0
    branches_hit: int = 0
    branches: int = 0

    def __add__(self, other):
        return Count(*(getattr(self, f.name) + getattr(other, f.name) for f in dataclasses.fields(self)))


def read_excuses(text):
    """The entries of unreachable.txt; ValueError for one that is cut short or gives no reason."""
    rows = [row for row in text.splitlines() if not row.startswith("#")]
    excuses = []
    for block in filter(None, re.split(r"\n{2,}", "\n".join(rows).strip())):
        head, *rest = [row.strip() for row in block.splitlines()]
        file, comma, function = head.partition(", ")
        reason = next((i for i, row in enumerate(rest) if row.startswith("Because ")), 0)
        if not comma or reason < 2 or reason % 2 != 0:
            raise ValueError(f"unreachable.txt: this is not 'FILE, FUNCTION', then code and what it never "
                             f"does, line by line, then 'Because ...':\n{block}")
        excuses += [Excuse(file, function, *rest[i:i + 2]) for i in range(0, reason, 2)]
    return excuses


def line_counts(segments):
    """{line: how often it ran} of a file, by llvm-cov's own rule: the most that any of its regions did.

    But where a line begins in a gap between regions, as it does after the brace of a block, llvm-cov takes the
    gap's count, which is 0, for the line's: here it is that of what follows the gap.
    """
    by_line = collections.defaultdict(list)
    for _, row in itertools.groupby(segments, key=lambda segment: segment[0]):
        row = [Segment(*segment) for segment in row]
        by_line[row[0].line] = row
    counts, before = {}, None  # `before`: the segment that goes on from the lines above
    for line in range(min(by_line), max(by_line) + 1) if by_line else []:
        here = by_line.get(line, [])
        ran = [s.count for s in here if s.has_count and s.is_entry and not s.is_gap]
        if before is not None and before.is_gap and here:
            before = here[0]
        if before is not None and before.has_count:
            ran.append(before.count)
        if ran:
            counts[line] = max(ran)
        before = here[-1] if here else before
    return counts


class Profile:
    """What one export of llvm-cov says of some folders."""

    def __init__(self, export, source, folders, demangle=lambda names: names):
        """export: parsed JSON; source: path -> lines of text; folders: prefixes that count, without tests."""
        self._source = source
        self._counts = collections.defaultdict(Count)
        self._spans = collections.defaultdict(list)  # file -> [(first line, last line, function)]
        self.gaps = []
        data = export["data"][0]
        wanted = lambda file: (any(_inside(file, f) for f in folders) and "test" not in file.rpartition("/")[2])
        functions = [f for f in data["functions"] if wanted(_path(f["filenames"][0]))]
        names = demangle([f["name"].rpartition(":")[2] for f in functions])
        outcomes = collections.defaultdict(lambda: [0, 0])
        for function, name in zip(functions, names):
            file = _path(function["filenames"][0])
            body = function["regions"][0]
            self._spans[file].append((body[0], body[2], name))
            for first, column, last, end, taken, not_taken, index, *_ in function["branches"]:
                where = (_path(function["filenames"][index]), first, column, last, end)
                # Of a template all instances together.
                outcomes[where][0] += taken
                outcomes[where][1] += not_taken
        for file in data["files"]:
            if wanted(_path(file["filename"])):
                self._add_lines(_path(file["filename"]), line_counts(file["segments"]))
        for where, counts in outcomes.items():
            if wanted(where[0]):
                self._add_branch(where, counts)
        self.gaps.sort()

    def _add_lines(self, file, counts):
        rows = self._source(file)
        counts = {line: count for line, count in counts.items() if rows[line - 1].strip() not in BRACES}
        self._counts[file] += Count(sum(c > 0 for c in counts.values()), len(counts))
        self.gaps += [self._gap(file, line, "never runs") for line, count in counts.items() if count == 0]

    def _add_branch(self, where, counts):
        file, line, column, last, end = where
        rows = self._source(file)
        text = rows[line - 1][column - 1:end - 1] if line == last else rows[line - 1][column - 1:].strip() + " ..."
        words = [f"`{text}` is never true", f"`{text}` is never false"]
        if rows[line - 1][:column - 1].endswith("switch ("):
            words = [f"`{text}` is always one of the cases", f"`{text}` is never one of the cases"]
        self._counts[file] += Count(branches_hit=sum(c > 0 for c in counts), branches=2)
        self.gaps += [self._gap(file, line, word) for word, count in zip(words, counts) if count == 0]

    def _gap(self, file, line, what):
        around = [(last - first, name) for first, last, name in self._spans[file] if first <= line <= last]
        return Gap(file, line, min(around)[1] if around else "", self._source(file)[line - 1].strip(), what)

    def table(self, folders):
        """Counts by folder and file, as text."""
        rows = []
        for folder in folders:
            files = sorted((file, count) for file, count in self._counts.items() if _inside(file, folder))
            rows.append((folder, sum((count for _, count in files), Count())))
            rows += [("  " + file[len(folder) + 1:], count) for file, count in files]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  lines {_share(c.lines_hit, c.lines)}  "
                         f"branches {_share(c.branches_hit, c.branches)}" for name, c in rows)


def judge(gaps, excuses):
    """(gaps that nothing excuses, excuses for nothing): each excuse is for one gap."""
    left, used = [], collections.Counter()
    for gap in gaps:
        for number, excuse in enumerate(excuses):
            if not used[number] and excuse.covers(gap):
                used[number] += 1
                break
        else:
            left.append(gap)
    return left, [excuse for number, excuse in enumerate(excuses) if not used[number]]


def _share(hit, found):
    return f"{100 * hit / found if found else 100:6.2f} % ({hit} of {found})".ljust(24)


def _path(file):
    return file.removeprefix("/proc/self/cwd/").removeprefix("./")


def _inside(file, folder):
    return file.startswith(folder + "/")
