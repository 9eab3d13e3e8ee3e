#!/usr/bin/env bash
# Every function that belay.h declares is one that fuzzed programs call.
#   exports_test.sh HEADER SOURCES...
set -euo pipefail
header=$1; shift
missing=0 functions=0
for function in $(grep -oE '^BELAY_API [^(]*\bbelay_[a-z_]+\(' "$header" | grep -oE 'belay_[a-z_]+\($' | tr -d '('); do
  functions=$((functions + 1))
  grep -qE "\b$function\(" "$@" && continue
  echo "exports_test: no operation in tests/fuzz calls $function: add one (see operations.h)"
  missing=$((missing + 1))
done
((functions > 0)) || { echo "exports_test: $header declares nothing"; exit 1; }
echo "$functions functions, $missing not fuzzed"
exit $((missing > 0))
