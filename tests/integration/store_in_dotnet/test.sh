#!/usr/bin/env bash
# The C# program is killed while it writes, then the broker that it writes to; either way it finds all that it had told of.
#
#   test.sh environment.sh
#
# BELAY_LIBRARY names libbelay.so.0, BELAY_DAEMON the daemon.
set -euo pipefail
# shellcheck source=clients/dotnet/environment.sh
source "$1"
dotnet build "$dotnet_root/samples/Store" --nologo -nodeReuse:false -p:UseSharedCompilation=false -v:quiet
# Not by `dotnet run`, which is a process of its own: the program itself is to be killed.
program=(dotnet "${BELAY_DOTNET_OUT:-$dotnet_root/../../build/dotnet}/bin/Store/Debug/net10.0/Store.dll")
folder=$(mktemp -d /tmp/belay-XXXXXX) # short: the path of a socket has at most 107 bytes
daemon_pid=''
finish() {
  [[ -z $daemon_pid ]] || kill -9 "$daemon_pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

start_daemon() {
  rm -f "$folder/ready"
  mkfifo "$folder/ready"
  "$BELAY_DAEMON" --listen "unix:$folder/s" --data "$folder/data" >"$folder/ready" 2>>"$folder/log" &
  daemon_pid=$!
  grep -q -m 1 ready <"$folder/ready" || { cat "$folder/log" >&2; exit 1; }
}

kill_now() {
  kill -9 "$1"
  wait "$1" 2>/dev/null || true
}

# $1: a folder, or the address of the daemon; $2: what is killed.
killed_three_times() {
  local place=$1 keys=$folder/keys.$2 pid round
  for round in 1 2 3; do
    [[ $place != unix:* ]] || start_daemon
    rm -f "$folder/told"
    mkfifo "$folder/told"
    "${program[@]}" "$place" write >"$folder/told" 2>>"$folder/log" &
    pid=$!
    # Killed once it has told of this many.
    head -n $((round * 100)) <"$folder/told" >>"$keys" || true
    if [[ $place == unix:* ]]; then
      kill_now "$daemon_pid"
      wait "$pid" # It says that the broker is gone, and ends well.
    else
      kill_now "$pid"
    fi
  done
  [[ $place != unix:* ]] || start_daemon
  "${program[@]}" "$place" check <"$keys"
  if echo key-that-never-was | "${program[@]}" "$place" check; then
    echo "a key that is not there was found" >&2
    exit 1
  fi
  echo "ok: $(sort -u "$keys" | wc -l) keys survived three kills of the $2"
}

killed_three_times "$folder/store" program
killed_three_times "unix:$folder/s" broker
