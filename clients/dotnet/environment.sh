# Sourced by run_tests.sh and run_sample.sh: sets dotnet_root to the folder of the .NET sources, and an environment in
# which `dotnet` neither phones home, nor leaves servers behind, nor needs a network.
#
# Under Bazel the declared sources are copied to TEST_TMPDIR first, for the build wants one real tree.
# shellcheck shell=bash

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_GENERATE_ASPNET_CERTIFICATE=false
export DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=true DOTNET_SKIP_WORKLOAD_INTEGRITY_CHECK=true
export MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_USE_MSBUILD_SERVER=0
export DOTNET_DbgEnableMiniDump=0 # A crash of the runtime is a failed test, not gigabytes of memory image.

# Bazel names files relative to where the test starts; `dotnet test` starts elsewhere.
for variable in "${!BELAY_@}"; do
  if [[ ${!variable} != /* && -e ${!variable} ]]; then
    export "$variable=$PWD/${!variable}"
  fi
done

if [[ -n ${TEST_TMPDIR:-} ]]; then
  : "${NUGET_PACKAGES:?is not set: tools/deps writes to build/bazelrc.deps where the packages are}"
  export HOME=$TEST_TMPDIR DOTNET_CLI_HOME=$TEST_TMPDIR BELAY_DOTNET_OUT=$TEST_TMPDIR/out
  mkdir -p "$TEST_TMPDIR/src"
  for part in clients proto; do
    [[ ! -e $part ]] || cp -rL "$part" "$TEST_TMPDIR/src/"
  done
  dotnet_root=$TEST_TMPDIR/src/clients/dotnet
else
  dotnet_root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
fi
export dotnet_root
