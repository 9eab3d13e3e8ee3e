#!/usr/bin/env bash
# Builds and runs one sample: clients/dotnet/run_sample.sh samples/InProcess [argument ...]. Ends with its exit code.
# The environment is as for run_tests.sh.
set -euo pipefail
# shellcheck source=clients/dotnet/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

sample=${1:?usage: run_sample.sh SAMPLE [argument ...]}
shift
dotnet build "$dotnet_root/$sample" --nologo -nodeReuse:false -p:UseSharedCompilation=false -v:quiet
exec dotnet run --no-build --project "$dotnet_root/$sample" -- "$@"
