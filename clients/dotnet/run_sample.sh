#!/usr/bin/env bash
# Builds and runs one sample: clients/dotnet/run_sample.sh samples/InProcess [argument ...]. Ends with its exit code.
# With --build-only before the sample's name it only builds, with --no-build it only runs.
# The environment is as for run_tests.sh.
set -euo pipefail
# shellcheck source=clients/dotnet/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

mode=all
case ${1:-} in --build-only | --no-build) mode=$1 && shift ;; esac
sample=${1:?usage: run_sample.sh [--build-only | --no-build] SAMPLE [argument ...]}
shift
[[ $mode == --no-build ]] || dotnet build "$dotnet_root/$sample" --nologo -nodeReuse:false -p:UseSharedCompilation=false -v:quiet
[[ $mode != --build-only ]] || exit 0
exec dotnet run --no-build --project "$dotnet_root/$sample" -- "$@"
