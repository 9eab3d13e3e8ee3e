#!/usr/bin/env bash
# Builds Pointers.csproj into a temporary folder and runs it: measure.sh PATH_OF_libpointers.so. Its rows go where
# report.h says. Without a .NET SDK of the version that the project names it says so, and succeeds without a row.
set -euo pipefail
sources=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
library=$1

major=$(dotnet --list-sdks 2>/dev/null | sed 's/\..*//' | sort -n | tail -n 1) || true
if [[ ${major:-0} -lt 10 ]]; then
  echo 'bench: no .NET SDK >= 10 on PATH: no rows about .NET' >&2
  exit 0
fi

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
cp -L "$sources"/Program.cs "$sources"/Pointers.csproj "$out" # the build wants a real folder
dotnet build "$out" --configuration Release --output "$out/bin" -nodeReuse:false -p:UseSharedCompilation=false \
  >"$out/build.log" 2>&1 || { cat "$out/build.log" >&2; exit 2; }
dotnet "$out/bin/Pointers.dll" "$library"
