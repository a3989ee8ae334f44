#!/usr/bin/env bash
# Leaves every example program runnable at build/examples/LANG/NAME, from any directory and with no other set-up:
# C and C++ find the library by a path relative to themselves, Python gets a launcher, Rust is copied.
. "$(dirname "$0")/common.sh"

scripts/build.sh --examples
mkdir -p build/examples/{c,cpp,python,rust}

# How a program at build/examples/LANG/NAME finds build/lib.
RPATH='-Wl,-rpath,$ORIGIN/../../lib'
CFLAGS="-O2 -g -Wall -Wextra ${CFLAGS:-}"

# newer TARGET SOURCE...: the target is missing or older than a source.
newer() {
  local target=$1 source
  shift
  for source in "$@"; do [ "$target" -nt "$source" ] || return 0; done
  return 1
}

# An example named ei_* is a program for libei; every other one uses erlnode.h.
library() { case ${1##*/} in ei_*) say -lei ;; *) say -lerlnode ;; esac; }

for source in examples/c/*.c; do
  [ -f "$source" ] || continue
  name=$(basename "$source" .c)
  if newer "build/examples/c/$name" "$source" include/*.h; then
    ${CC:-cc} -std=c11 $CFLAGS -Iinclude "$source" -o "build/examples/c/$name" -Lbuild/lib "$RPATH" \
      "$(library "$source")" -lpthread
  fi
done

for source in examples/cpp/*.cpp; do
  [ -f "$source" ] || continue
  name=$(basename "$source" .cpp)
  if newer "build/examples/cpp/$name" "$source" include/*.h bindings/cpp/*; then
    ${CXX:-c++} -std=c++17 $CFLAGS -Iinclude -Ibindings/cpp "$source" -o "build/examples/cpp/$name" -Lbuild/lib \
      "$RPATH" "$(library "$source")" -lpthread
  fi
done

for source in examples/python/*.py; do
  [ -f "$source" ] || continue
  name=$(basename "$source" .py)
  cat >"build/examples/python/$name" <<LAUNCHER
#!/bin/sh
# Runs examples/python/$name.py with the package and the library of this tree.
root=\$(CDPATH= cd -- "\$(dirname -- "\$(readlink -f -- "\$0")")/../../.." && pwd)
export PYTHONPATH="\$root/bindings/python\${PYTHONPATH:+:\$PYTHONPATH}"
export ERLNODE_LIBRARY="\${ERLNODE_LIBRARY:-\$root/build/lib/liberlnode.so}"
exec "\${PYTHON:-python3}" "\$root/examples/python/$name.py" "\$@"
LAUNCHER
  chmod +x "build/examples/python/$name"
done

# Cargo looks for examples in examples/*.rs unless Cargo.toml names them; ours live in examples/rust.
if compgen -G 'examples/rust/*.rs' >/dev/null; then
  for source in examples/rust/*.rs; do
    name=$(basename "$source" .rs)
    install -m 755 "$TARGET/release/examples/$name" "build/examples/rust/$name"
  done
fi
say "examples: $(cd build/examples && ls -d */* | tr '\n' ' ')"
