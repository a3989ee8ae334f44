#!/usr/bin/env bash
# The measurements of benches/, one after the other, on the release build; every one prints ratios to its peers of the same
# run. ONLY=codec,live chooses. Each is also a program of its own, whose first lines say more.
. "$(dirname "$0")/common.sh"

PARTS='codec c ei epmd live calls mesh session python-codec python-live'
ONLY=${ONLY:-${PARTS// /,}}
for word in ${ONLY//,/ }; do
  [[ " $PARTS " == *" $word "* ]] || die "no benchmark is called '$word'; there are: $PARTS"
done
scripts/build.sh
export PYTHONPATH=$ROOT/bindings/python ERLNODE_LIBRARY=$ROOT/build/lib/liberlnode.so
python=${PYTHON:-python3}

for part in $PARTS; do
  [[ ",$ONLY," == *",$part,"* ]] || continue
  printf '\n==== %s\n' "$part"
  case $part in
    codec) CARGO_TARGET_DIR=$ROOT/build/bench/codec cargo run --quiet --release --manifest-path benches/codec/Cargo.toml ;;
    c) benches/c/run.sh ;;
    ei)
      if have valgrind; then benches/ei/run.sh; else say "left out: counting instructions needs valgrind"; fi
      ;;
    epmd)
      if have epmd; then
        CARGO_TARGET_DIR=$ROOT/build/bench/epmd cargo run --quiet --release --manifest-path benches/epmd/Cargo.toml
      else
        say "left out: no stock epmd to compare with"
      fi
      ;;
    live) if have erl; then "$python" benches/live/run.py build/lib; else say "left out: no BEAM to talk to"; fi ;;
    mesh) if have erl; then "$python" benches/mesh/run.py build/lib; else say "left out: no BEAM to talk to"; fi ;;
    session) if have erl; then cargo bench --quiet --bench session; else say "left out: no BEAM to talk to"; fi ;;
    python-codec) "$python" benches/python/codec.py ;;
    calls) if have elixir; then "$python" benches/calls/run.py build/lib; else say "left out: no BEAM to talk to"; fi ;;
    python-live) if have elixir; then "$python" benches/python/live.py; else say "left out: no BEAM to talk to"; fi ;;
  esac
done
