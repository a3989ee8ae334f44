#!/usr/bin/env bash
# build.sh [erlnode] [ei]: builds the release libraries (both unless named) and stages them in build/lib with the names
# that a loader and a linker look for: liberlnode.so.ABI, the development symlink, the archives. Examples, tests and
# `make install` take them from there.
. "$(dirname "$0")/common.sh"

what=${*:-erlnode ei}
for word in $what; do
  case $word in erlnode | ei) ;; *) die "usage: build.sh [erlnode] [ei]" ;; esac
done
mkdir -p build/lib

# Written beside and renamed: a program that has the old file mapped keeps it.
stage() { cp "$1" "$2.new" && mv -f "$2.new" "$2"; }

if [[ " $what " == *" erlnode "* ]]; then
  cargo build --release --lib
  abi=$(abi)
  [ -n "$abi" ] || die "include/erlnode.h states no ERLN_ABI number"
  stage "$TARGET/release/liberlnode.so" "build/lib/liberlnode.so.$abi"
  ln -sf "liberlnode.so.$abi" build/lib/liberlnode.so
  stage "$TARGET/release/liberlnode.a" build/lib/liberlnode.a
fi
# The libei drop-in is the same crate built alone.
if [[ " $what " == *" ei "* ]]; then scripts/libei.sh build/lib; fi
