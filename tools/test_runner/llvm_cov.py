"""What tests that were run under --config=profile reached, in llvm-cov's words."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile


def export(root, tests, folders):
    """llvm-cov's export of what `tests`, targets just run, reached of `folders`; None if they left nothing."""
    with tempfile.TemporaryDirectory() as tmp:
        raw = []
        for number, outputs in enumerate(outputs for test in tests for outputs in test.outputs):
            shutil.unpack_archive(outputs, f"{tmp}/{number}")
            raw += map(str, pathlib.Path(tmp, str(number)).glob("*.profraw"))
        if not raw:
            return None
        merged = f"{tmp}/merged.profdata"
        pathlib.Path(tmp, "inputs").write_text("\n".join(raw))
        subprocess.run(["llvm-profdata-16", "merge", "-sparse", f"-input-files={tmp}/inputs", "-o", merged], check=True)
        binaries = [root / "bazel-bin" / test.label.removeprefix("//").replace(":", "/") for test in tests if test.outputs]
        objects = [arg for binary in binaries for arg in ("-object", str(binary))]
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
