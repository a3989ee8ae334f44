#!/usr/bin/env bash
# Builds the release library and stages it in build/lib with the names that a loader and a linker look for:
# liberlnode.so.ABI, the development symlink, and the archive. Examples, tests and `make install` take it from there.
# Arguments go to cargo: `--examples` builds the Rust examples in the same breath, which spares a second build of all.
. "$(dirname "$0")/common.sh"

cargo build --release --lib "$@"
mkdir -p build/lib
abi=$(abi)
[ -n "$abi" ] || die "include/erlnode.h states no ERLN_ABI number"

# Written beside and renamed: a program that has the old file mapped keeps it.
stage() { cp "$1" "$2.new" && mv -f "$2.new" "$2"; }
stage "$TARGET/release/liberlnode.so" "build/lib/liberlnode.so.$abi"
ln -sf "liberlnode.so.$abi" build/lib/liberlnode.so
stage "$TARGET/release/liberlnode.a" build/lib/liberlnode.a

# The libei drop-in is the same crate built alone.
[ ! -f include/ei.h ] || scripts/libei.sh build/lib
