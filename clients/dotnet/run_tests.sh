#!/usr/bin/env bash
# Runs the xunit tests of one project, offline, as Bazel's test targets and people alike need it.
#
#   clients/dotnet/run_tests.sh PROJECT [argument of `dotnet test` ...]
#
# PROJECT is a folder beside this script, e.g. Belay.Tests. Variables BELAY_... that name files (BELAY_LIBRARY and so on)
# may be relative to the current folder. Packages must have been restored: dotnet restore clients/dotnet/Belay.slnx.
# A .trx with the counts is left in TEST_UNDECLARED_OUTPUTS_DIR, else in build/dotnet/results. Fails if no test ran.
set -euo pipefail
# shellcheck source=clients/dotnet/environment.sh
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

project=${1:?usage: run_tests.sh PROJECT [argument ...]}
shift
results=${TEST_UNDECLARED_OUTPUTS_DIR:-$dotnet_root/../../build/dotnet/results}
mkdir -p "$results"
# Said here, so that it is known even if the test process dies.
export BELAY_TEST_SEED=${BELAY_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "BELAY_TEST_SEED=$BELAY_TEST_SEED repeats the random tests of this run."
exec dotnet test "$dotnet_root/$project" --nologo -nodeReuse:false -p:UseSharedCompilation=false \
  --results-directory "$results" --logger "trx;LogFileName=$project.trx" --logger "console;verbosity=normal" \
  --blame-hang-timeout 5m --blame-hang-dump-type none "$@" -- RunConfiguration.TreatNoTestsAsError=true
