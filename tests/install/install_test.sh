#!/usr/bin/env bash
# libbelay builds and installs with CMake, and is found afterwards by CMake's
# find_package and by pkg-config; a C program linked either way runs.
set -euo pipefail
src=$TEST_SRCDIR/$TEST_WORKSPACE
cd "$TEST_TMPDIR"

run() { # quiet, unless it fails
  "$@" >log 2>&1 || { echo "failed: $*"; cat log; exit 1; }
}

mkdir tree
cp -rL "$src/CMakeLists.txt" "$src/cmake" "$src/broker" "$src/capi" tree
run cmake -S tree -B build -DCMAKE_BUILD_TYPE=Debug
run cmake --build build -j2
run cmake --install build --prefix "$PWD/prefix"

[[ -f prefix/include/belay/belay.h ]] || { echo "belay.h was not installed"; exit 1; }

cp -rL "$src/tests/install/consumer" consumer
run cmake -S consumer -B by_cmake -DCMAKE_PREFIX_PATH="$PWD/prefix"
run cmake --build by_cmake
./by_cmake/consumer

PKG_CONFIG_PATH=$(dirname "$(find "$PWD/prefix" -name belay.pc)")
export PKG_CONFIG_PATH
read -ra flags < <(pkg-config --cflags --libs belay)
run gcc -std=c11 -Wall -Werror consumer/main.c -o by_pkg_config "${flags[@]}" \
  "-Wl,-rpath,$(pkg-config --variable=libdir belay)"
./by_pkg_config
