#!/usr/bin/env bash
# Installs into an empty directory and uses what is there as a stranger would: by pkg-config, by CMake, as a shared and as a
# static library, from C and C++; then uninstalls. Prints `ok`, `not ok` or `skip` lines.
. "$(dirname "$0")/common.sh"

work=$ROOT/build/test/install
prefix=$work/usr
failed=0
rm -rf "$work"
mkdir -p "$work"

# check NAME COMMAND...
check() {
  local name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    say "ok install/$name"
  else
    say "not ok install/$name"
    sed 's/^/    /' "$work/log"
    failed=1
  fi
}

PREFIX=$prefix DESTDIR= scripts/install.sh install >/dev/null
cat >"$work/program.c" <<'C'
#include <erlnode.h>
int main(void) { return erln_abi() == ERLN_ABI ? 0 : 1; }
C
cat >"$work/program.cpp" <<'CPP'
#include <erlnode.hpp>
int main() { return erln_abi() == ERLN_ABI ? 0 : 1; }
CPP

run() { LD_LIBRARY_PATH=$prefix/lib "$@"; }
# The loader must find the library by its soname, which carries the number of the ABI.
shared() {
  "${CC:-cc}" "$work/program.c" -o "$work/shared" -I"$prefix/include" -L"$prefix/lib" -lerlnode &&
    rm "$prefix/lib/liberlnode.so" && run "$work/shared" && ln -s "liberlnode.so.$(abi)" "$prefix/lib/liberlnode.so"
}
static() {
  "${CC:-cc}" "$work/program.c" -o "$work/static" -I"$prefix/include" "$prefix/lib/liberlnode.a" -lpthread -ldl -lm &&
    "$work/static"
}
cplusplus() {
  "${CXX:-c++}" -std=c++17 "$work/program.cpp" -o "$work/cpp" -I"$prefix/include" -L"$prefix/lib" -lerlnode &&
    run "$work/cpp"
}
pkg_config() {
  local flags
  flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs erlnode) &&
    "${CC:-cc}" "$work/program.c" -o "$work/pc" $flags && run "$work/pc"
}
with_cmake() {
  mkdir -p "$work/cmake" && cat >"$work/cmake/CMakeLists.txt" <<'CMAKE' &&
cmake_minimum_required(VERSION 3.13)
project(user C)
find_package(erlnode 0.1 REQUIRED)
add_executable(shared ../program.c)
target_link_libraries(shared erlnode::erlnode)
add_executable(static ../program.c)
target_link_libraries(static erlnode::static)
CMAKE
    cmake -S "$work/cmake" -B "$work/cmake/build" -DCMAKE_PREFIX_PATH="$prefix" &&
    cmake --build "$work/cmake/build" && "$work/cmake/build/shared" && "$work/cmake/build/static"
}
# A package is built below DESTDIR, and its files must name the final place only.
staged() {
  PREFIX=/usr DESTDIR=$work/staged scripts/install.sh install &&
    grep -q '^prefix=/usr$' "$work/staged/usr/lib/pkgconfig/erlnode.pc" && ! grep -rq "$work" "$work/staged/usr/lib/pkgconfig"
}
uninstalled() {
  PREFIX=$prefix DESTDIR= scripts/install.sh uninstall && [ -z "$(find "$prefix" -type f -o -type l)" ]
}

check shared shared
check static static
check c++ cplusplus
if have pkg-config; then check pkg-config pkg_config; else say "skip install/pkg-config: not on this machine"; fi
if have cmake; then check cmake with_cmake; else say "skip install/cmake: not on this machine"; fi
check destdir staged
check uninstall uninstalled
exit "$failed"
