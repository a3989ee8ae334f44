#!/usr/bin/env bash
# Runs each fuzz target (or those named in TARGETS) for MINUTES minutes. What it found to be interesting is kept in
# build/fuzz/corpus, a finding in build/fuzz/findings. Needs a nightly toolchain and cargo-fuzz.
. "$(dirname "$0")/common.sh"

NIGHTLY=${NIGHTLY:-nightly}
cargo "+$NIGHTLY" --version >/dev/null 2>&1 || die "no toolchain '$NIGHTLY': rustup toolchain install nightly"
cargo fuzz --version >/dev/null 2>&1 || die "no cargo-fuzz: cargo install cargo-fuzz --locked"
have c++ || die "the fuzzer's runtime needs a C++ compiler"

# Far above what these inputs may cost: more is a finding. Inputs stay small, since the interesting cases are short.
MEMORY_MB=512
SECONDS_PER_INPUT=5
MAX_INPUT=65536

all=$(sed -n 's|^path = "targets/\(.*\)\.rs"|\1|p' tests/fuzz/Cargo.toml)
seconds=$((${MINUTES:-1} * 60))
failed=0
for target in ${TARGETS:-$all}; do
  corpus=build/fuzz/corpus/$target findings=build/fuzz/findings/$target log=build/fuzz/$target.log
  mkdir -p "$corpus" "$findings"
  status=0
  CARGO_TARGET_DIR=$ROOT/build/fuzz/target cargo "+$NIGHTLY" fuzz run --fuzz-dir tests/fuzz "$target" "$corpus" -- \
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
