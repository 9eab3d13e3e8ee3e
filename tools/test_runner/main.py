"""Builds and tests everything, and closes with one line that counts.

With no option: the whole tree in the default configuration, what is tagged
`sanitizers` under ASan+UBSan and under TSan, a minute of every fuzz target, and
the cheap part of tools/lint.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from tools.test_runner import branches, coverage, llvm_cov
from tools.test_runner.results import Cases, Target, read_events

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOG_TAIL_LINES = 200
# What a configuration runs, where that is not everything.
TAGS = {
    "asan": ["sanitizers", "-no_sanitize"],
    "ubsan": ["sanitizers", "-no_sanitize"],
    "tsan": ["sanitizers", "-no_sanitize", "-no_tsan"],
    "fuzz": ["fuzz"],
}
# What must be covered whole, by which tests, and the list of what cannot be.
PROFILED = ["broker/registry", "capi/src"]
PROFILED_TESTS = ["//broker/registry/...", "//capi:all", "//capi/tests/...", "//tests/model/...", "//tests/fuzz/..."]
# What tells a soak test how long to run, and with which seed.
SOAK_ENVIRONMENT = ["BELAY_SOAK_SECONDS", "BELAY_SOAK_CYCLES", "BELAY_SEED", "BELAY_TEST_SEED"]
UNREACHABLE = "tools/test_runner/unreachable.txt"


def say(text):
    print(f"test: {text}", flush=True)


def minutes(text):
    """A number of minutes, or a part of one, above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


def cycles(text):
    """A whole number above 0."""
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def parse(argv):
    p = argparse.ArgumentParser(prog="tools/test", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--only", metavar="PATTERN", action="append", default=[],
                   help="a Bazel pattern (//broker/...), a folder, or part of a label; 'lint' for the lint test alone; "
                        "may be repeated")
    p.add_argument("--config", choices=["default", "dbg", "opt", "clang", *TAGS],
                   help="run this configuration alone")
    p.add_argument("--soak", metavar="NAME",
                   help="run the long test of that name (tagged `soak` and `manual`); 'list' names them")
    p.add_argument("--minutes", metavar="N", type=minutes,
                   help="how long --soak runs; without it, BELAY_SOAK_SECONDS says so, or the test itself")
    p.add_argument("--cycles", metavar="N", type=cycles,
                   help="how many times --soak does what it does, if it counts them (tagged `cycles`)")
    p.add_argument("--coverage", nargs="?", const="all", choices=["all", "core"],
                   help="run with coverage: 'core' checks that every line and branch of the registry and the C ABI is "
                        "reached; 'all', the default, also prints lines of everything by folder (lcov in "
                        "bazel-out/_coverage/_coverage_report.dat)")
    args = p.parse_args(argv)
    if args.minutes and not args.soak:
        p.error("--minutes goes with --soak")
    if args.cycles and not args.soak:
        p.error("--cycles goes with --soak")
    return args


def query(expression):
    """The labels that a Bazel query answers, or exits saying why it could not."""
    done = subprocess.run(["bazel", "query", "--noshow_progress", "--keep_going", expression], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 3):  # 3: part of the tree does not load
        sys.exit(f"tools/test: bazel query failed:\n{done.stderr}")
    return done.stdout.split()


def patterns(only):
    """Bazel patterns for --only; exits if one of them matches nothing."""
    found = []
    for word in only:
        folder = ROOT / word
        if word.startswith(("//", "-//")):
            found.append(word)
        elif folder.is_dir():
            found.append(f"//{folder.resolve().relative_to(ROOT)}/...")
        else:
            labels = query(f'filter("{word}", tests(//...))')
            if not labels:
                sys.exit(f"tools/test: no test's label contains '{word}'")
            found += labels
    return found or ["//..."]


def tail(path):
    lines = path.read_text(errors="replace").splitlines() if path.exists() else ["(no log)"]
    cut = [f"... the first {len(lines) - LOG_TAIL_LINES} lines are in {path}"] if len(lines) > LOG_TAIL_LINES else []
    return "\n".join(cut + lines[-LOG_TAIL_LINES:])


def bazel(name, wanted, *flags, command="test", tags=()):
    """Runs one `bazel test` (or coverage) and returns its targets, having shown what failed."""
    say(f"{name}: bazel {command} {' '.join(wanted)}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as tmp:
        events = pathlib.Path(tmp, "events.json")
        args = ["bazel", command, "--keep_going", "--test_output=summary", "--test_summary=none",
                f"--build_event_json_file={events}", *flags]
        if tags:
            args.append(f"--test_tag_filters={','.join(tags)}")
        if not sys.stderr.isatty():  # a line now and then, rather than a screen repainted
            args += ["--curses=no", "--color=no", "--show_progress_rate_limit=15"]
        code = subprocess.run([*args, "--", *wanted], cwd=ROOT).returncode
        targets = read_events(events.read_text().splitlines() if events.exists() else [], code)
    for target in targets:
        if not target.ok:
            for log in target.logs:
                print(f"----- {target.label} ({name}): {log}\n{tail(log)}\n-----", flush=True)
    cases = sum((t.cases for t in targets), Cases())
    cached = sum(t.cached for t in targets)
    say(f"{name}: {cases.line()} in {len(targets)} targets ({cached} from cache), {time.monotonic() - start:.0f} s")
    return targets


def command_as_test(name, *args):
    """Runs a command that counts as one test."""
    say(f"{name}: {' '.join(args)}")
    done = subprocess.run(args, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, flush=True)
        return Target(name, "FAILED", Cases(failed=1), [])
    return Target(name, "PASSED", Cases(passed=1), [])


def prepare_dotnet():
    """Fills the NuGet folder, for tests have no network. (flags for Bazel, failures, skipped)."""
    os.environ.setdefault("NUGET_PACKAGES", str(pathlib.Path.home() / ".nuget/packages"))
    folder = ROOT / "clients/dotnet"
    projects = sorted(folder.glob("*.sln*")) or sorted(folder.glob("**/*Tests.csproj"))
    if not projects:
        return [], []
    if shutil.which("dotnet") is None:
        say("no .NET SDK: tests tagged `dotnet` are skipped")
        return ["-dotnet"], [Target("dotnet tests", "PASSED", Cases(skipped=1), [])]
    restored = [command_as_test("dotnet restore", "dotnet", "restore", "--nologo", "-v:quiet", str(project))
                for project in projects]
    return [], [t for t in restored if not t.ok]


def run_default(args):
    only = [word for word in args.only if word != "lint"]
    results = []
    if not args.only or only:
        wanted = patterns(only)
        skip, results = prepare_dotnet()
        configs = [args.config] if args.config else ["default", "asan", "tsan", "fuzz"]
        for config in configs:
            flags = [] if config == "default" else [f"--config={config}"]
            found = bazel(config, wanted, *flags, tags=[*TAGS.get(config, []), *skip])
            # Of a part of the tree perhaps nothing is tagged for the sanitizers, or to be fuzzed.
            if only and not args.config and config != "default" and not any(t.cases.passed for t in found):
                found = [t for t in found if not t.label.startswith("bazel exit code 4")]
            results += [Target(f"{t.label} ({config})", t.status, t.cases, t.logs) for t in found]
    if "lint" in args.only or not (args.only or args.config):
        results.append(command_as_test("lint", "tools/lint"))
    return results


def run_soak(args):
    known = query('attr(tags, "\\bsoak\\b", //...)')
    if args.soak == "list":
        print("\n".join(known) or "no test is tagged `soak`")
        sys.exit(0)
    labels = [label for label in known if label.rpartition(":")[2] == args.soak]
    if not labels:
        sys.exit(f"tools/test: no soak test named '{args.soak}'; --soak list names them")
    config = [f"--config={args.config}"] if args.config and args.config != "default" else []
    if args.minutes:
        os.environ["BELAY_SOAK_SECONDS"] = str(round(args.minutes * 60))
    if args.cycles:
        if not set(labels) <= set(query('attr(tags, "\\bcycles\\b", //...)')):
            sys.exit(f"tools/test: the soak test '{args.soak}' counts no cycles; give it --minutes")
        os.environ["BELAY_SOAK_CYCLES"] = str(args.cycles)
    # A day more than asked for, for what a test does before and after.
    longest_s = 86400 + int(float(os.environ.get("BELAY_SOAK_SECONDS", "0")))
    return bazel("soak", labels, "--cache_test_results=no", f"--test_timeout={longest_s}", "--test_output=streamed",
                 *(f"--test_env={name}" for name in SOAK_ENVIRONMENT), *config)


def run_profile():
    """Lines and branches of the registry and the C ABI: all but what is listed as unreachable, or it is a failure."""
    tests = " + ".join(PROFILED_TESTS)
    # What is built with deliberate faults is other code by the same names.
    labels = query(f"kind(cc_test, {tests}) except attr(tags, 'manual|no_coverage', {tests})"
                   f" except rdeps({tests}, //broker/registry:registry_but_faulty)")
    results = bazel("coverage of " + " and ".join(PROFILED), labels, "--config=profile")
    export = llvm_cov.export(ROOT, results, PROFILED)
    if export is None:
        return results + [Target("coverage", "NOT_RUN", Cases(failed=1), [])]
    found = branches.Profile(export, lambda file: (ROOT / file).read_text().splitlines(), PROFILED,
                             llvm_cov.demangled)
    excuses = branches.read_excuses((ROOT / UNREACHABLE).read_text())
    missed, stale = branches.judge(found.gaps, excuses)
    print(found.table(PROFILED))
    for title, rows in [("Not covered, nor listed in " + UNREACHABLE, missed),
                        ("Listed there, and covered or gone", stale)]:
        if rows:
            print(f"\n{title}:\n" + "\n".join(map(str, rows)))
    whole = len(found.gaps) - len(missed)
    say(f"coverage: {len(missed)} lines and branches not covered, {whole} unreachable, {len(stale)} excuses stale")
    ok = not missed and not stale
    return results + [Target("coverage of " + " and ".join(PROFILED), "PASSED" if ok else "INCOMPLETE",
                             Cases(passed=1) if ok else Cases(failed=1), [])]


def run_coverage(args):
    if args.coverage == "core":
        return run_profile()
    skip, results = prepare_dotnet()
    results += bazel("coverage", patterns(args.only), command="coverage", tags=["-no_coverage", *skip])
    report = ROOT / "bazel-out/_coverage/_coverage_report.dat"
    print(coverage.table(report.read_text()) if report.exists() else "no coverage report was written", flush=True)
    return results + ([] if args.only else run_profile())


def main(argv):
    args = parse(argv)
    start = time.monotonic()
    run = run_soak if args.soak else run_coverage if args.coverage else run_default
    try:
        results = run(args)
    except KeyboardInterrupt:
        return 130
    if not any(t.cases.total for t in results):
        results.append(Target("no test ran", "NOT_RUN", Cases(failed=1), []))
    for target in results:
        if not target.ok:
            print(f"{target.status}  {target.label}")
    say(f"{time.monotonic() - start:.0f} s in all")
    total = sum((t.cases for t in results), Cases())
    print(total.line(), flush=True)
    return 1 if total.failed or not all(t.ok for t in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
