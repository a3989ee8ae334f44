#!/usr/bin/env bash
# Runs each fuzz target (or those named in TARGETS) for MINUTES minutes, from the committed seeds on. What it found to be
# interesting is kept in build/fuzz/corpus, a finding in build/fuzz/findings. Needs a nightly toolchain and cargo-fuzz.
#   fuzz.sh seeds    instead: minimises the corpora and writes the smallest inputs to tests/fuzz/seeds
. "$(dirname "$0")/common.sh"

NIGHTLY=${NIGHTLY:-nightly}
cargo "+$NIGHTLY" --version >/dev/null 2>&1 || die "no toolchain '$NIGHTLY': rustup toolchain install nightly"
cargo fuzz --version >/dev/null 2>&1 || die "no cargo-fuzz: cargo install cargo-fuzz --locked"
have c++ || die "the fuzzer's runtime needs a C++ compiler"

# Far above what these inputs may cost: more is a finding. Inputs stay small, since the interesting cases are short.
MEMORY_MB=512
SECONDS_PER_INPUT=5
MAX_INPUT=65536

# Seeds are for `make test`, which replays them without a fuzzer: few, and short.
SEEDS=60
SEED_BYTES=120

fuzz() { CARGO_TARGET_DIR=$ROOT/build/fuzz/target cargo "+$NIGHTLY" fuzz "$1" --fuzz-dir tests/fuzz "${@:2}"; }

# The inputs of a target's committed seeds as files, which is how the fuzzer wants them.
plant() {
  local hex n=0
  [ -f "tests/fuzz/seeds/$1" ] || return 0
  while read -r hex; do
    # shellcheck disable=SC2059
    printf "$(sed 's/../\\x&/g' <<<"$hex")" >"build/fuzz/corpus/$1/seed-$((n += 1))"
  done <"tests/fuzz/seeds/$1"
}

harvest() {
  local file
  mkdir -p tests/fuzz/seeds
  # Evenly over the lengths, since the deepest inputs are not the shortest.
  while read -r file; do
    od -An -v -tx1 "$file" | tr -d ' \n'
    echo
  done < <(find "build/fuzz/corpus/$1" -type f -size +0c -size "-${SEED_BYTES}c" -printf '%s %p\n' | sort -n |
    awk -v most="$SEEDS" '{ file[NR] = $2 }
      END { step = NR > most ? NR / most : 1; for (n = 1; n <= NR; n += step) print file[int(n)] }') |
    LC_ALL=C sort >"tests/fuzz/seeds/$1"
}

all=$(sed -n 's|^path = "targets/\(.*\)\.rs"|\1|p' tests/fuzz/Cargo.toml)
seconds=$((${MINUTES:-1} * 60))
failed=0
for target in ${TARGETS:-$all}; do
  corpus=build/fuzz/corpus/$target findings=build/fuzz/findings/$target log=build/fuzz/$target.log
  mkdir -p "$corpus" "$findings"
  plant "$target"
  if [ "${1:-}" = seeds ]; then
    fuzz cmin "$target" "$corpus" </dev/null >"$log" 2>&1
    harvest "$target"
    say "$target: $(wc -l <"tests/fuzz/seeds/$target") seeds of $(ls "$corpus" | wc -l)"
    continue
  fi
  status=0
  fuzz run "$target" "$corpus" -- \
    "-max_total_time=$seconds" "-rss_limit_mb=$MEMORY_MB" "-timeout=$SECONDS_PER_INPUT" "-max_len=$MAX_INPUT" \
    "-artifact_prefix=$findings/" </dev/null >"$log" 2>&1 || status=$?
  if [ "$status" -eq 0 ]; then
    say "ok $target: $(grep -E '^Done [0-9]+ runs' "$log" || tail -n 1 "$log")"
  else
    say "not ok $target (status $status, $log):"
    tail -n 30 "$log" | sed 's/^/    /'
    failed=1
  fi
done
exit "$failed"
