#!/usr/bin/env bash
# libei.sh [OUTDIR]: builds the libei drop-in and leaves libei.a, libei_st.a and libei.so in OUTDIR (build/lib).
# What cargo makes is a whole Rust archive; a program that links it beside liberlnode.a would meet every symbol of
# the standard library twice. So the archive becomes one object that knows only the names of src/ei/symbols.txt, and the
# shared library is linked from that.
. "$(dirname "$0")/common.sh"

out=${1:-build/lib}
names=src/ei/symbols.txt
target=${ERLNODE_EI_TARGET:-$ROOT/build/ei}
cc=${CC:-cc}
work=$target/libei
mkdir -p "$out" "$work"

# No unwinding: a panic must not cross into C, and without it nobody pays for the tables.
CARGO_TARGET_DIR=$target CARGO_PROFILE_RELEASE_LTO=fat CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 \
  CARGO_PROFILE_RELEASE_PANIC=abort CARGO_PROFILE_RELEASE_DEBUG=false \
  cargo rustc --release --lib --no-default-features --features ei --crate-type staticlib

# Only what the exported names reach. The objects are taken out of the archive first, without the bitcode that the
# standard library carries along: a linker that loads an LLVM plugin of another version stumbles over it.
rm -rf "$work/objects" && mkdir "$work/objects"
(cd "$work/objects" && ar x "$target/release/liberlnode.a")
for object in "$work"/objects/*.o; do
  objcopy --remove-section=.llvmbc --remove-section=.llvmcmd "$object"
done
# Groups are dissolved: a linker would keep one copy of a group for both libraries, with names that only one knows.
# shellcheck disable=SC2046
ld -r --gc-sections --force-group-allocation $(sed 's/^/-u /' "$names") -o "$work/ei.o" "$work"/objects/*.o
objcopy --keep-global-symbols="$names" "$work/ei.o"
strip --strip-unneeded "$work/ei.o"

exported() { readelf -Ws "$1" | awk '$5 == "GLOBAL" && $7 != "UND" { print $8 }' | LC_ALL=C sort -u; }
if ! diff "$names" <(exported "$work/ei.o") >&2; then
  die "the library does not export exactly the names of $names"
fi

stage() { cp "$1" "$2.new" && mv -f "$2.new" "$2"; }
rm -f "$work/libei.a"
# Weak, so that a program may have a function of its own by one of the names, as with an archive of many small objects.
objcopy --weaken-symbols="$names" "$work/ei.o" "$work/ei_weak.o"
ar rcs "$work/libei.a" "$work/ei_weak.o"
stage "$work/libei.a" "$out/libei.a"
# Programs without threads ask for this name; the same object serves them.
stage "$work/libei.a" "$out/libei_st.a"

{ echo '{ global:'; sed 's/$/;/' "$names"; echo 'local: *; };'; } >"$work/ei.map"
"$cc" -shared -Wl,-soname,libei.so -Wl,--version-script="$work/ei.map" -Wl,--no-undefined -Wl,-z,relro \
  -o "$work/libei.so" "$work/ei.o" -lgcc_s -lpthread -ldl -lm
strip --strip-unneeded "$work/libei.so"
stage "$work/libei.so" "$out/libei.so"
