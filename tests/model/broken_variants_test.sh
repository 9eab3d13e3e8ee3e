#!/usr/bin/env bash
# Shows that the model and the litmus tests can fail: each deliberate fault (broker/registry/faults.h) must
# be caught, by name of the invariant that it breaks, with arguments with which the correct code passes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
unset BELAY_FENCE  # without membarrier there is no fence to leave out
failed=0

run() { # run SECONDS PROGRAM ARGUMENTS...: sets $status, $output, $took_ms
  local start=${EPOCHREALTIME/./}
  status=0
  output=$(timeout "$1" "${@:2}" 2>&1) || status=$?
  took_ms=$(((${EPOCHREALTIME/./} - start) / 1000))
}

passes() { # passes PROGRAM ARGUMENTS...
  run 120 "$@"
  printf '%-60s passed in %6d ms\n' "$*" "$took_ms"
  if ((status != 0)); then printf '%s\n' "but it should have: status $status" "$output"; failed=1; fi
}

caught() { # caught INVARIANTS PROGRAM ARGUMENTS...: INVARIANTS is a regular expression, "R2|R3"
  local invariants=$1; shift
  run 120 "$@"
  printf '%-60s caught in %6d ms: %s\n' "$*" "$took_ms" "$(grep -m 1 VIOLATED <<<"$output" || echo '(nothing)')"
  if ((status != 3)) || ! grep -qE "^VIOLATED ($invariants): " <<<"$output"; then
    printf '%s\n' "but it should have been, by $invariants: status $status" "$output"; failed=1
  fi
}

litmus=(--seconds 5)
stress=(--threads 8 --seconds 5 --seed 1)

# The correct code, with the very arguments.
passes ./fence_litmus_none "${litmus[@]}"
passes ./registry_stress_none "${stress[@]}"

# 1: retirement without the asymmetric fence. A call is overlooked, and so is its end.
caught 'R5' ./fence_litmus_no_fence "${litmus[@]}" --only pin
caught 'R6' ./fence_litmus_no_fence "${litmus[@]}" --only wake
# 2: of two threads that release one handle the second is counted, too. Somebody else's reference goes: a
# handle is stale, or the callback released, or drained, that nobody asked for.
caught 'R2|R7' ./registry_stress_double_release "${stress[@]}"
# 3: release functions do not wait for calls, pins and answers.
caught 'R5|R11' ./registry_stress_release_early "${stress[@]}"

exit "$failed"
