"""What a test run amounted to, read from Bazel's build events and the tests' own reports.

A target's cases are counted where its report names them (gtest's test.xml, .NET's
*.trx among the undeclared outputs); else the target counts as one. Nothing is
taken on trust:
  - a target that did not build, timed out, was flaky or never ran has failed;
  - a failed target has at least one failed case, whatever its report says;
  - a target that passed without running or skipping a single case has failed.
"""
import collections
import dataclasses
import json
import pathlib
import urllib.parse
import xml.etree.ElementTree as ET
import zipfile

NOT_BUILT = "NOT_BUILT"
NOT_RUN = "NOT_RUN"
EMPTY = "RAN_NO_CASE"


@dataclasses.dataclass
class Cases:
    """Test cases of one report, or of many added up."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Cases(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def line(self):
        """The closing line; `skipped` only when there is something to say."""
        tail = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{tail}"


@dataclasses.dataclass
class Target:
    """One test target, or another target that failed to build."""
    label: str
    status: str  # PASSED, or Bazel's word for what went wrong, or one of the above
    cases: Cases
    logs: list
    cached: bool = False
    outputs: tuple = ()  # archives of what it left behind, one for each shard or run

    @property
    def ok(self):
        return self.status == "PASSED" and self.cases.failed == 0


def cases_of_junit(text):
    """Counts the <testcase>s of a test.xml; None if it is not one."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None
    found = Cases()
    for case in root.iter("testcase"):
        if any(case.find(tag) is not None for tag in ("failure", "error")):
            found.failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            found.skipped += 1
        else:
            found.passed += 1
    return found


def cases_of_trx(text):
    """Counts the <UnitTestResult>s of a .trx; None if it is not one."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        return None
    if not root.tag.endswith("TestRun"):
        return None
    found = Cases()
    for result in root.iter():
        if not result.tag.endswith("}UnitTestResult"):
            continue
        outcome = result.get("outcome")
        if outcome == "Passed":
            found.passed += 1
        elif outcome in ("NotExecuted", "NotRunnable", "Inconclusive"):
            found.skipped += 1
        else:
            found.failed += 1
    return found


def cases_of_outputs(path):
    """Adds up the .trx files in a target's outputs.zip; None if there is none."""
    found = None
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                cases = cases_of_trx(archive.read(name)) if name.endswith(".trx") else None
                if cases is not None:
                    found = (found or Cases()) + cases
    except (OSError, zipfile.BadZipFile):
        return None
    return found


def judge(status, junit, trx):
    """(status, cases) of a target from Bazel's status and what its reports hold."""
    report = trx if trx is not None else junit
    if status != "PASSED":
        report = report or Cases()
        return status, Cases(report.passed, max(report.failed, 1), report.skipped)
    if report is None:
        return status, Cases(passed=1)
    if report.total == 0:
        return EMPTY, Cases(failed=1)
    return status, report


def _path(uri):
    return pathlib.Path(urllib.parse.unquote(urllib.parse.urlparse(uri).path))


def _reports(outputs):
    """(junit, trx) cases over all test actions (shards, runs) of one target."""
    junit = trx = None
    for name, uri in outputs:
        if name == "test.xml":
            try:
                cases = cases_of_junit(_path(uri).read_bytes())
            except OSError:
                cases = None
            if cases is not None:
                junit = (junit or Cases()) + cases
        elif name.endswith("outputs.zip"):
            cases = cases_of_outputs(_path(uri))
            if cases is not None:
                trx = (trx or Cases()) + cases
    return junit, trx


def read_events(lines, exit_code):
    """The targets of one `bazel test`, from its JSON build events.

    Args:
      lines: the lines of --build_event_json_file; a torn last line is ignored.
      exit_code: Bazel's own; if it is not 0 and no target failed, one entry says so.
    """
    tests, summaries, outputs, broken, cached = set(), {}, collections.defaultdict(list), {}, set()
    for line in lines:
        try:
            event = json.loads(line)
        except json.JSONDecodeError:
            continue
        ident = event.get("id", {})
        if "targetConfigured" in ident:
            label = ident["targetConfigured"]["label"]
            if event.get("configured", {}).get("testSize"):
                tests.add(label)
            if "aborted" in event:
                broken[label] = NOT_BUILT
        elif "targetCompleted" in ident:
            label = ident["targetCompleted"]["label"]
            if not event.get("completed", {}).get("success"):
                broken[label] = NOT_BUILT
        elif "testResult" in ident:
            label = ident["testResult"]["label"]
            result = event.get("testResult", {})
            if result.get("cachedLocally") or result.get("executionInfo", {}).get("cachedRemotely"):
                cached.add(label)
            outputs[label] += [(o["name"], o["uri"]) for o in result.get("testActionOutput", []) if "uri" in o]
        elif "testSummary" in ident:
            summaries[ident["testSummary"]["label"]] = event.get("testSummary", {}).get("overallStatus", NOT_RUN)

    targets = []
    for label in sorted(tests | summaries.keys() | broken.keys()):
        status = broken.get(label) or summaries.get(label, NOT_RUN)
        status, cases = judge(status, *_reports(outputs[label]))
        logs = [_path(uri) for name, uri in outputs[label] if name == "test.log"]
        left = tuple(_path(uri) for name, uri in outputs[label] if name.endswith("outputs.zip"))
        targets.append(Target(label, status, cases, logs, label in cached, left))
    if exit_code and all(t.ok for t in targets):
        targets.append(Target(f"bazel exit code {exit_code}", NOT_RUN, Cases(failed=1), []))
    return targets
