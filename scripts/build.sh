#!/usr/bin/env bash
# build.sh [erlnode] [ei] [--examples]: builds the release libraries (both unless named) and stages them in build/lib with
# the names that a loader and a linker look for: liberlnode.so.ABI, the development symlink, the archives. Examples, tests
# and `make install` take them from there. With --examples cargo builds the Rust examples in the same breath, which
# spares a second build of everything.
. "$(dirname "$0")/common.sh"

examples= what=
for word in "$@"; do
  case $word in
    --examples) examples=--examples ;;
    erlnode | ei) what="$what $word" ;;
    *) die "usage: build.sh [erlnode] [ei] [--examples]" ;;
  esac
done
: "${what:=erlnode ei}"
mkdir -p build/lib

# Written beside and renamed: a program that has the old file mapped keeps it.
stage() { cp "$1" "$2.new" && mv -f "$2.new" "$2"; }

if [[ $what == *erlnode* ]]; then
  cargo build --release --lib $examples
  abi=$(abi)
  [ -n "$abi" ] || die "include/erlnode.h states no ERLN_ABI number"
  stage "$TARGET/release/liberlnode.so" "build/lib/liberlnode.so.$abi"
  ln -sf "liberlnode.so.$abi" build/lib/liberlnode.so
  stage "$TARGET/release/liberlnode.a" build/lib/liberlnode.a
fi
# The libei drop-in is the same crate built alone.
if [[ " $what " == *" ei "* ]]; then scripts/libei.sh build/lib; fi
