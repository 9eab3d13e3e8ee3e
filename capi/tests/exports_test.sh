#!/usr/bin/env bash
# libbelay.so.0 exports what its headers declare and nothing else, needs no gRPC and no protobuf, and is
# linked as it must be (I6, R13).
set -euo pipefail
lib=$1
shift # the headers remain
fail() { echo "exports_test: $1"; exit 1; }

declared=$(cat "$@" | grep -oE '^BELAY_API [^(]*\bbelay_[a-z_]+\(' | grep -oE 'belay_[a-z_]+\($' | tr -d '(' | sort)
exported=$(nm -D --defined-only --with-symbol-versions "$lib" | awk '$2 ~ /^[A-Z]$/ && $2 != "A" {print $3}' | sort)
[[ $exported == "$(sed 's/$/@@BELAY_0/' <<<"$declared")" ]] ||
  fail "exports differ from the headers:"$'\n'"$(diff <(sed 's/$/@@BELAY_0/' <<<"$declared") - <<<"$exported" || true)"

dynamic=$(readelf -d "$lib")
grep -q 'NODELETE' <<<"$dynamic" || fail "not linked with -z nodelete"
grep -q 'soname: \[libbelay.so.0\]' <<<"$dynamic" || fail "wrong soname"
needed=$(grep -oP 'NEEDED.*\[\K[^]]+' <<<"$dynamic")
allowed='^(librocksdb\.so\..*|libstdc\+\+\.so\.6|libm\.so\.6|libgcc_s\.so\.1|libc\.so\.6|libpthread\.so\.0|ld-linux-x86-64\.so\.2)$'
extra=$(grep -vE "$allowed" <<<"$needed" || true)
[[ -z $extra ]] || fail "needs more than RocksDB and the C++ runtime: $extra"
! ldd "$lib" | grep -qE 'grpc|protobuf' || fail "ldd shows gRPC or protobuf"

# Initial-exec TLS comes out of a small reserve where the library is loaded by dlopen: 512 bytes in glibc.
tls=$(($(readelf -lW "$lib" | awk '$1 == "TLS" {print $6}')))
[[ $tls -le 64 ]] || fail "$tls bytes of static TLS; 64 are allowed"
echo "ok: $(wc -l <<<"$declared") functions, needs: $(tr '\n' ' ' <<<"$needed")"
