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

# Only what the exported names reach.
sed 's/^/-u /' "$names" | tr '\n' ' ' >"$work/roots"
# shellcheck disable=SC2046
"$cc" -r -nostdlib -Wl,--gc-sections $(sed 's/-u \([^ ]*\)/-Wl,-u,\1/g' "$work/roots") \
  -o "$work/ei.o" "$target/release/liberlnode.a"
objcopy --keep-global-symbols="$names" "$work/ei.o"
strip --strip-unneeded "$work/ei.o"

exported() { nm -g --defined-only "$1" | awk 'NF == 3 { print $3 }' | LC_ALL=C sort -u; }
if ! diff "$names" <(exported "$work/ei.o") >"$work/names.diff"; then
  cat "$work/names.diff" >&2
  [ -n "${ERLNODE_EI_PARTIAL:-}" ] || die "the library does not export exactly the names of $names"
fi

stage() { cp "$1" "$2.new" && mv -f "$2.new" "$2"; }
rm -f "$work/libei.a"
ar rcs "$work/libei.a" "$work/ei.o"
stage "$work/libei.a" "$out/libei.a"
# Programs without threads ask for this name; the same object serves them.
stage "$work/libei.a" "$out/libei_st.a"

{ echo '{ global:'; sed 's/$/;/' "$names"; echo 'local: *; };'; } >"$work/ei.map"
"$cc" -shared -Wl,-soname,libei.so -Wl,--version-script="$work/ei.map" -Wl,--no-undefined -Wl,-z,relro \
  -o "$work/libei.so" "$work/ei.o" -lgcc_s -lpthread -ldl -lm
strip --strip-unneeded "$work/libei.so"
stage "$work/libei.so" "$out/libei.so"
