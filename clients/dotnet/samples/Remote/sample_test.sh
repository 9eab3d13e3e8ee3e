#!/usr/bin/env bash
# Runs the sample against a belayd of its own and checks that it tells its story in the right order.
#
#   sample_test.sh [run_sample.sh]
#
# BELAY_DAEMON names the daemon; the environment is otherwise as for run_sample.sh.
set -euo pipefail
: "${BELAY_DAEMON:?names no belayd}"
run_sample=${1:-$(dirname "${BASH_SOURCE[0]}")/../../run_sample.sh}

work=$(mktemp -d /tmp/belay-XXXXXX) # short: the path of a socket has at most 107 bytes
daemon_pid=''
finish() {
  [[ -z $daemon_pid ]] || kill "$daemon_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
mkfifo "$work/out"
"$BELAY_DAEMON" --listen "unix:$work/s" --data "$work/data" >"$work/out" 2>"$work/log" &
daemon_pid=$!
grep -q -m 1 ready <"$work/out" || { cat "$work/log" >&2; exit 1; }

coproc HOST { "$run_sample" samples/Remote "unix:$work/s" 100; }
# shellcheck disable=SC2153 # coproc sets it
host_pid=$HOST_PID

tell() { printf '%s\n' "$1" >&"${HOST[1]}"; }
expect() { # each of these must be told, in this order; other lines may come between
  local wanted line
  for wanted in "$@"; do
    while true; do
      IFS= read -r -t 600 line <&"${HOST[0]}" || { echo "sample_test: not told, or not in its place: $wanted" >&2; exit 1; }
      printf '%s\n' "$line"
      [[ $line != *"$wanted"* ]] || break
    done
  done
}

expect 'registered filter "section net and installed size over 100 KiB"' 'registered watch on demo/' \
  'registered callback demo.greet' ready
tell 'put demo/x 1'
expect 'watch: change 1: demo/x = 1'
tell 'put pkg/a Section: net' # a record of one line: of the right section, but without a size
tell 'scan pkg/'
expect 'wrote pkg/a' 'the scan kept 0 rows'
tell release-in-flight
expect 'a call of demo.greet is in flight' 'still alive, for the call runs on' 'call finished' 'Released:' 'Dispose ran' \
  'handle freed' 'the caller got "hello, slow caller!"' 'dead, the closure was collected'
tell release-in-flight
expect 'was released before'
tell quit
expect 'session closed, every closure has ended'
wait "$host_pid"
