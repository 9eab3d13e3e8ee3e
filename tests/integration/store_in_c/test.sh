#!/usr/bin/env bash
# The C program is killed while it writes, and finds all that it had told of.
set -euo pipefail
program=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for round in 1 2 3; do
  mkfifo "$folder/told.$round"
  "$program" "$folder/store" write >"$folder/told.$round" &
  pid=$!
  # Killed once it has told of this many.
  head -n $((round * 100)) <"$folder/told.$round" >>"$folder/keys" || true
  kill -9 "$pid"
  wait "$pid" 2>/dev/null || true
done
"$program" "$folder/store" check <"$folder/keys"
echo key-that-never-was | "$program" "$folder/store" check 2>/dev/null && { echo "a key that is not there was found"; exit 1; }
echo "ok: $(sort -u "$folder/keys" | wc -l) keys survived three kills"
