#!/usr/bin/python3
"""Writes compile_commands.json for clangd and clang-tidy from Bazel's own actions.

    tools/bazel/compdb.py            # //..., after `bazel build //...` (generated headers)
"""
import json
import pathlib
import subprocess
import sys

GCC_ONLY = {"-fno-canonical-system-headers", "-Wno-tsan"}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    pattern = sys.argv[1] if len(sys.argv) > 1 else "//..."
    out = subprocess.run(["bazel", "aquery", "--noshow_progress", "--output=jsonproto",
                          "--include_artifacts=false", f'mnemonic("CppCompile", {pattern})'],
                         cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    entries = {}
    for action in json.loads(out).get("actions", []):
        args = [a for a in action["arguments"] if a not in GCC_ONLY]
        file = args[args.index("-c") + 1]
        # bazel-out resolves through the symlink in the source tree.
        entries[file] = {"directory": str(ROOT), "file": file, "arguments": args}
    path = ROOT / "compile_commands.json"
    path.write_text(json.dumps(sorted(entries.values(), key=lambda e: e["file"]), indent=1) + "\n")
    print(f"{len(entries)} files in {path.name}")


if __name__ == "__main__":
    main()
