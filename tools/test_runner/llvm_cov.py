"""What tests that were run under --config=profile reached, in llvm-cov's words."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def export(root, labels, folders):
    """llvm-cov's export of what the cc_tests `labels`, just run, reached of `folders`; None if they left nothing."""
    places = [label.removeprefix("//").replace(":", "/") for label in labels]
    with tempfile.TemporaryDirectory() as tmp:
        raw = []
        for number, place in enumerate(places):
            # One archive a test, or a shard or run of it.
            for outputs in sorted((root / "bazel-testlogs" / place).rglob("outputs.zip")):
                folder = pathlib.Path(tmp, f"{number}-{outputs.parent.parent.name}")
                shutil.unpack_archive(outputs, folder)
                raw += map(str, folder.glob("*.profraw"))
        if not raw:
            return None
        merged = f"{tmp}/merged.profdata"
        pathlib.Path(tmp, "inputs").write_text("\n".join(raw))
        subprocess.run(["llvm-profdata-16", "merge", "-sparse", f"-input-files={tmp}/inputs", "-o", merged], check=True)
        objects = [arg for place in places for arg in ("-object", str(root / "bazel-bin" / place))]
        done = subprocess.run(["llvm-cov-16", "export", "-skip-expansions", f"-instr-profile={merged}", *objects[1:],
                               "-sources", *[f"/proc/self/cwd/{folder}" for folder in folders]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # What it warns of are inline functions that some binary does not use.
        if done.returncode:
            sys.exit(f"tools/test: llvm-cov-16 failed:\n{done.stderr}")
    return json.loads(done.stdout)


def demangled(names):
    done = subprocess.run(["llvm-cxxfilt-16"], input="\n".join(names), stdout=subprocess.PIPE, check=True, text=True)
    return done.stdout.splitlines()
