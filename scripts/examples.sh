#!/usr/bin/env bash
# examples.sh [c] [cpp] [python] [rust] [ei]: leaves the example programs of these kinds (all unless named) runnable at
# build/examples/LANG/NAME, from any directory and with no other set-up: C and C++ find the library by a path relative
# to themselves, Python gets a launcher, Rust is copied. `ei` is the C programs examples/c/ei_*, for the libei drop-in.
. "$(dirname "$0")/common.sh"

kinds=" ${*:-c cpp python rust ei} "
wanted() { [[ $kinds == *" $1 "* ]]; }

libraries=(erlnode)
if wanted ei; then libraries+=(ei); fi
scripts/build.sh "${libraries[@]}"
# Without optimisation: cargo builds every development dependency along with an example, and the tests have those already.
if wanted rust; then cargo build --examples; fi

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

# compile LANG SOURCE LIBRARY COMPILER...: one program.
compile() {
  local target source=$2 library=$3
  target=build/examples/$1/$(basename "${source%.*}")
  mkdir -p "build/examples/$1"
  shift 3
  if newer "$target" "$source" include/*.h examples/c/*.h bindings/cpp/*.hpp bindings/cpp/erlnode/*; then
    "$@" $CFLAGS -Iinclude "$source" -o "$target" -Lbuild/lib "$RPATH" "$library" -lpthread -lm
  fi
}

for source in examples/c/*.c; do
  case ${source##*/} in
    ei_*) if wanted ei; then compile c "$source" -lei "${CC:-cc}" -std=c11; fi ;;
    *) if wanted c; then compile c "$source" -lerlnode "${CC:-cc}" -std=c11; fi ;;
  esac
done

for source in examples/cpp/*.cpp; do
  if wanted cpp; then compile cpp "$source" -lerlnode "${CXX:-c++}" -std=c++17 -Ibindings/cpp; fi
done

for source in examples/python/*.py; do
  wanted python || break
  mkdir -p build/examples/python
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

for source in examples/rust/*.rs; do
  wanted rust || break
  name=$(basename "$source" .rs)
  install -D -m 755 "$TARGET/debug/examples/$name" "build/examples/rust/$name"
done
say "examples: $(cd build/examples && ls -d */* | tr '\n' ' ')"
