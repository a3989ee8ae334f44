#!/usr/bin/env bash
# run.sh: erlnode's C API beside libei (the directory LIBEI with include/ and lib/; Debian's by default), on the release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
libei=${LIBEI:-/usr/lib/erlang/usr}
if [ ! -f "$libei/include/ei.h" ]; then
  echo "left out: no libei at $libei (set LIBEI)"
  exit 0
fi
[ -f build/lib/liberlnode.so ] || scripts/build.sh
mkdir -p build/bench
"${CC:-cc}" -std=c11 -O2 -Wall -Wextra benches/c/codec.c -o build/bench/codec -Iinclude -I"$libei/include" -Lbuild/lib \
  "-Wl,-rpath,$PWD/build/lib" -lerlnode "$libei/lib/libei.a" -lpthread
build/bench/codec
