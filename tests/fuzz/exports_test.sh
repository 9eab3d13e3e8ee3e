#!/usr/bin/env bash
# Every function that the ABI's headers declare is one that fuzzed programs call.
#   exports_test.sh HEADERS.h... SOURCES.cc...
set -euo pipefail
headers=() sources=()
for file in "$@"; do
  [[ $file == *.h ]] && headers+=("$file") || sources+=("$file")
done
missing=0 functions=0
for function in $(grep -ohE '^BELAY_API [^(]*\bbelay_[a-z_]+\(' "${headers[@]}" | grep -oE 'belay_[a-z_]+\($' | tr -d '('); do
  functions=$((functions + 1))
  grep -qE "\b$function\(|&$function\b" "${sources[@]}" && continue
  echo "exports_test: no operation in tests/fuzz calls $function: add one (see operations.h)"
  missing=$((missing + 1))
done
((functions > 0)) || { echo "exports_test: ${headers[*]} declare nothing"; exit 1; }
echo "$functions functions, $missing not fuzzed"
exit $((missing > 0))
