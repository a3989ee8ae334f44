#!/usr/bin/env bash
# run.sh [REFERENCE]: the codec workloads with the reference libei (a directory with include/ and lib/; Debian's by default) and with
# ours: instructions by callgrind, time by runs in turn. Fails when a workload is slower in instructions.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
reference=${1:-/usr/lib/erlang/usr}
lib=${EI_LIB:-build/lib}
work=${EI_WORK:-build/ei-bench}
mkdir -p "$work"
[ -f "$lib/libei.a" ] || scripts/libei.sh "$lib"
cc -O2 -D_REENTRANT -I"$reference/include" benches/ei/codec.c "$reference/lib/libei.a" -lpthread -o "$work/codec_reference"
cc -O2 -D_REENTRANT -Iinclude benches/ei/codec.c "$lib/libei.a" -lpthread -o "$work/codec_ours"

for side in reference ours; do
  valgrind --tool=callgrind --callgrind-out-file="$work/$side.out" "$work/codec_$side" >/dev/null 2>&1
  callgrind_annotate --inclusive=yes --threshold=100 "$work/$side.out" 2>/dev/null >"$work/$side.txt"
done
for round in 1 2 3 4 5; do
  for side in reference ours; do "$work/codec_$side" "${ROUNDS:-300}" >"$work/$side.$round"; done
done

# Messages: runs in turn, each side first every other time, on one processor, because two processes that take turns otherwise
# depend on where they are put.
pin=()
if command -v taskset >/dev/null; then pin=(taskset -c 0); fi
cc -O2 -w -D_REENTRANT -I"$reference/include" benches/ei/messages.c "$reference/lib/libei.a" -lpthread -o "$work/messages_reference"
cc -O2 -w -D_REENTRANT -Iinclude benches/ei/messages.c "$lib/libei.a" -lpthread -o "$work/messages_ours"
rm -f "$work"/messages_*.txt
for ((round = 0; round < ${MESSAGE_RUNS:-31}; round++)); do
  order=(reference ours)
  if ((round % 2)); then order=(ours reference); fi
  for side in "${order[@]}"; do "${pin[@]}" "$work/messages_$side" "${MESSAGES:-2000}" >>"$work/messages_$side.txt"; done
done
for side in reference ours; do
  valgrind --tool=callgrind --callgrind-out-file="$work/messages_$side.out" "$work/messages_$side" 200 >/dev/null 2>&1
  callgrind_annotate --inclusive=yes --threshold=100 "$work/messages_$side.out" 2>/dev/null >"$work/messages_$side.instructions"
done
python3 benches/ei/report.py "$work"
