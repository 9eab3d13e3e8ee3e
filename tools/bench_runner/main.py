"""Builds one suite of tests/bench optimized, runs it, and prints a table of its rows.

Exits 1 if a row is not within its budget, 2 if the suite could not be built or run.
What follows `--` goes to the suite itself.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tools.bench_runner import rows as bench_rows

ROOT = pathlib.Path(__file__).resolve().parents[2]


def fail(text):
    print(f"tools/bench: {text}", file=sys.stderr)
    sys.exit(2)


def suites():
    done = subprocess.run(["bazel", "query", "--noshow_progress", "kind('.*_binary', //tests/bench:all)"], cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        fail(f"bazel query failed:\n{done.stderr}")
    names = [label.rpartition(":")[2] for label in done.stdout.split()]
    return [name for name in names if not name.endswith(".so")]  # a cc_binary too, but none to run


def run(suite, arguments):
    """The rows that a suite reported."""
    with tempfile.TemporaryDirectory() as tmp:
        out = pathlib.Path(tmp, "rows.jsonl")
        code = subprocess.run(["bazel", "run", "--noshow_progress", "--ui_event_filters=-info", "--config=opt",
                               f"//tests/bench:{suite}", "--", *arguments],
                              cwd=ROOT, env={**os.environ, "BELAY_BENCH_OUT": str(out)}, stdout=sys.stderr).returncode
        if code:
            fail(f"{suite} exited with {code}; what it said is above")
        try:
            found = bench_rows.parse(out.read_text() if out.exists() else "")
        except ValueError as error:
            fail(f"{suite} wrote a bad row: {error}")
    if not found:
        fail(f"{suite} wrote no row to the file that BELAY_BENCH_OUT names")
    return found


def main(argv):
    arguments = []
    if "--" in argv:
        arguments = argv[argv.index("--") + 1:]
        argv = argv[:argv.index("--")]
    p = argparse.ArgumentParser(prog="tools/bench", description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("suite", nargs="?", help="one of --list")
    p.add_argument("--json", metavar="FILE", help="also write the rows there, one JSON object per line")
    p.add_argument("--list", action="store_true", help="name the suites")
    args = p.parse_args(argv)

    known = suites()
    if args.list:
        print("\n".join(known))
        return 0
    if args.suite not in known:
        fail(f"{'which suite' if args.suite is None else f'no suite {args.suite}'}? One of: {', '.join(known)}")
    found = run(args.suite, arguments)
    print(bench_rows.table(found, color=sys.stdout.isatty()))
    if args.json:
        pathlib.Path(args.json).write_text("".join(json.dumps(row) + "\n" for row in found))
    return 0 if all(row["within"] for row in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
