#!/usr/bin/env bash
# Searches every state of pin_protocol.pml, and shows that the search would find what is wrong: each variant
# with a deliberate fault must break the claim named here.
set -euo pipefail
model=$(realpath "$(dirname "${BASH_SOURCE[0]}")/pin_protocol.pml")
cd "$TEST_TMPDIR"
failed=0

search() { # search OPTIONS...: sets $output
  spin "$@" -a "$model"
  cc -O2 -w -DSAFETY -DMEMLIM=3000 -o pan pan.c
  output=$(./pan -m10000 2>&1)
}

states() { sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' <<<"$output"; }

complain() { # complain TEXT
  printf '%s\n' "but $1" "$output"
  failed=1
}

holds() { # holds OPTIONS...
  search "$@"
  printf 'holds   %-40s %s states, %s\n' "$*" "$(states)" \
    "$(sed -n 's/^pan: elapsed time //p' <<<"$output")"
  if ! grep -q 'errors: 0$' <<<"$output"; then complain "it should hold"; fi
  # A search cut short proves nothing.
  if grep -qE 'Search not completed|max search depth too small|out of memory' <<<"$output"; then
    complain "the search is not exhaustive"
  fi
}

breaks() { # breaks INVARIANT OPTIONS...: INVARIANT is the number N of RN
  local invariant=$1; shift
  search "-DONLY=$invariant" "$@"
  printf 'breaks  %-40s R%s after %s states\n' "$*" "$invariant" "$(states)"
  if ! grep -qF "assertion violated ($invariant&&" <<<"$output"; then complain "it should break R$invariant"; fi
}

two_handles=(-DSLOTS=2 -DGENERATIONS=1 -DCALLS=1)  # to one callback

holds  # a slot that is used twice, two calls on each thread
holds "${two_handles[@]}"
holds -DPORTABLE

breaks 1 -DNO_FENCE
breaks 5 -DNO_FENCE
breaks 6 -DNO_FENCE
breaks 1 -DNO_CHECK_ON_ENTRY
breaks 5 -DNO_CHECK_ON_ENTRY
breaks 6 -DNO_CHECK_ON_EXIT
breaks 6 -DLATE_ANNOUNCE
breaks 6 -DSLEEP_UNASKED "${two_handles[@]}"

exit "$failed"
