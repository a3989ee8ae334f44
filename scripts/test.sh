#!/usr/bin/env bash
# Runs every check and test of the repository, step by step, and adds up what they report.
#   ONLY=a,b     only these steps or tags        EXCLUDE=a,b   all but these
#   FILTER=text  hands `text` to the Rust tests   CI=true       a missing Erlang is a failure
# The output of each step is kept in build/test/STEP.log. The last line is `N passed, N failed[, N skipped]`.
. "$(dirname "$0")/common.sh"

# A step that hangs must not hang the run; the slowest one takes some minutes on two cores.
LIMIT=${LIMIT:-1500}
LOGS=build/test
mkdir -p "$LOGS"

# STEP:TAGS, in the order in which they run; what a step does is the function step_NAME below.
STEPS=(
  fmt:check
  clippy:check
  audit:check
  rust:
  fuzz:
  abuse:
  network:
  ei:
  library:
  c:
  python:
  install:
  sanitize:
  libei:distributed
  epmd:distributed
  interop:distributed
)

# At a terminal the children must hear Ctrl-C; elsewhere a whole group that hangs must be ended.
if [ -t 1 ]; then FOREGROUND=--foreground; else FOREGROUND=; fi
run() { timeout $FOREGROUND --kill-after=10 "$LIMIT" "$@" </dev/null; }

step_fmt() { run cargo fmt --check; }

step_clippy() {
  run cargo clippy --all-targets -- -D warnings &&
    run cargo clippy --lib --no-default-features --features ei -- -D warnings &&
    run cargo clippy --lib --no-default-features --features ffi -- -D warnings &&
    run cargo clippy --lib --no-default-features -- -D warnings
}

# The test targets that are steps of their own; `rust` is all others, layers, header, symbols and guarded among them.
APART=' interop c ei epmd abuse network replay '
step_rust() {
  local targets=() file
  for file in tests/*.rs tests/*/main.rs; do
    [ -f "$file" ] || continue
    file=${file%/main.rs}
    file=${file##*/}
    file=${file%.rs}
    [[ $APART == *" $file "* ]] || targets+=(--test "$file")
  done
  # The documentation cannot be tested in the same command as single targets.
  run cargo test --no-fail-fast --lib --bins ${targets[@]+"${targets[@]}"} -- $FILTER &&
    run cargo test --doc -- $FILTER
}

# What cannot be looked up here is a skipped test; tests/dependencies checks licences and sources without any tool.
step_audit() { run scripts/audit.sh lenient; }

# Each fuzz target over its seeds and what can be made of them, three at a time for two processors, each in a process of its own, whose
# memory it measures. In CI a minute each, elsewhere some seconds.
step_fuzz() {
  export ERLNODE_FUZZ_SECONDS=${ERLNODE_FUZZ_SECONDS:-$([ "${CI:-}" = true ] && say 60 || say 3)}
  local ei='--no-default-features --features ei' model=node::model::tests::five_hundred_histories_agree_with_the_model
  {
    run cargo test --test replay -- --list | sed -n 's/: test$//p' | sed 's/^/--test replay -- --exact /'
    # shellcheck disable=SC2086
    run cargo test $ei --test replay -- --list | sed -n "s/^ei: test$/$ei --test replay -- --exact ei/p"
    say "--lib -- --exact $model"
  } | { grep -e "$FILTER" || true; } >"$LOGS/fuzz.list"
  # The fuzzer's own crate is not part of the others' builds.
  RUSTFLAGS='--cfg fuzzing' run cargo check --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz &&
    run xargs -a "$LOGS/fuzz.list" -P "$(((3 * $(nproc) + 1) / 2))" -I '{}' sh -c 'cargo test {}'
}

# One after the other: they measure times and memory. The long forms are `make abuse`.
step_abuse() { run cargo test --no-fail-fast --test abuse -- --test-threads=1 $FILTER; }

# Two network namespaces; the scenes have times, so one after the other.
step_network() { run cargo test --no-fail-fast --test network -- --test-threads=1 $FILTER; }

# The short form; `make sanitize` is the long one.
step_sanitize() { PARTS='' run scripts/sanitize.sh short; }

step_ei() { run cargo test --no-fail-fast --lib --no-default-features --features ei -- $FILTER; }

# The release library that C, C++, Python and the examples stand on, and every example built with it.
step_library() { run scripts/examples.sh; }

# Programs in C and C++, compiled and run by a table.
step_c() { run cargo test --no-fail-fast --test c -- $FILTER; }
step_install() { run scripts/test-install.sh; }
step_python() { run scripts/test-python.sh; }

# The drop-in beside OTP's own libei, program by program; epmd of ours and the stock one, with each other's clients.
step_libei() { run cargo test --no-fail-fast --test ei -- $FILTER; }
step_epmd() { run cargo test --no-fail-fast --test epmd -- $FILTER; }

# The number of threads is the number of BEAMs at a time.
step_interop() { run cargo test --no-fail-fast --test interop -- $FILTER; }

# What each step needs besides a compiler; without it the step is left out, and the run says so.
lacks() {
  case $1 in
    interop | epmd) have erl || say "no Erlang on this machine (erl is not in the path)" ;;
    libei)
      have erl || { say "no Erlang on this machine (erl is not in the path)"; return; }
      compgen -G '/usr/lib/erlang/lib/erl_interface-*/include/ei.h' >/dev/null || [ -n "${ERLNODE_EI_REFERENCE:-}" ] ||
        say "no libei of OTP to compare with (package erlang-dev, or ERLNODE_EI_REFERENCE=/dir)"
      ;;
    # Neither is always to be had where this runs, so that even in CI they are told as left out and not as a failure.
    network)
      have ip && have tc || { say "no ip and tc on this machine (package iproute2)"; return; }
      local probe=erln-probe-$$
      if ip netns add "$probe" 2>/dev/null; then ip netns del "$probe"; else say "network namespaces cannot be made here (root?)"; fi
      ;;
    sanitize) scripts/sanitize.sh lacks ;;
    c) [ -f tests/c/main.rs ] || say "nothing there yet" ;;
    python) compgen -G 'bindings/python/tests/test_*.py' >/dev/null || say "nothing there yet" ;;
  esac
}

# How many tests a step has that cannot run, or shall not.
count_tests() {
  case $1 in
    interop | epmd | c | network) cargo test --test "$1" -- --list 2>/dev/null </dev/null | grep -c ': test$' || true ;;
    sanitize) say 5 ;; # its parts
    libei) cargo test --test ei -- --list 2>/dev/null </dev/null | grep -c ': test$' || true ;;
    *) say 0 ;;
  esac
}

# chosen STEP TAGS: by ONLY and EXCLUDE, which are lists of steps and tags.
chosen() {
  local word
  for word in ${EXCLUDE//,/ }; do case ",$1,$2," in *",$word,"*) return 1 ;; esac; done
  [ -n "$ONLY" ] || return 0
  for word in ${ONLY//,/ }; do case ",$1,$2," in *",$word,"*) return 0 ;; esac; done
  return 1
}

# passed failed skipped, from what the runners print: libtest, Python's unittest, and lines `ok name` / `not ok name`.
count() {
  awk '
    /^test result: / { passed += $4; failed += $6; skipped += $8 }
    /^ok / { passed++ }
    /^not ok / { failed++ }
    /^skip / { skipped++ }
    /^Ran [0-9]+ tests? in / { ran = $2; python = 1 }
    python && /^(OK|FAILED)/ {
      bad = left = 0
      if (match($0, /failures=[0-9]+/)) bad += substr($0, RSTART + 9, RLENGTH - 9)
      if (match($0, /errors=[0-9]+/)) bad += substr($0, RSTART + 7, RLENGTH - 7)
      if (match($0, /skipped=[0-9]+/)) left += substr($0, RSTART + 8, RLENGTH - 8)
      passed += ran - bad - left; failed += bad; skipped += left; python = 0
    }
    END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

ONLY=${ONLY:-} EXCLUDE=${EXCLUDE:-} FILTER=${FILTER:-}
known=" $(printf '%s ' "${STEPS[@]//:/ }")"
for word in ${ONLY//,/ } ${EXCLUDE//,/ }; do
  [[ $known == *" $word "* ]] || die "no step and no tag is called '$word'; there are:$known"
done

passed=0 failed=0 skipped=0
notes=()
began=$SECONDS
for entry in "${STEPS[@]}"; do
  step=${entry%%:*} tags=${entry#*:} log=$LOGS/${entry%%:*}.log
  if ! chosen "$step" "$tags"; then
    # What was not asked for is not worth a word; what was taken out of everything is.
    if [ -z "$ONLY" ]; then
      tests=$(count_tests "$step")
      notes+=("left out: $step ($tests tests): EXCLUDE=$EXCLUDE")
      skipped=$((skipped + tests))
    fi
    continue
  fi
  reason=$(lacks "$step")
  if [ -n "$reason" ]; then
    tests=$(count_tests "$step")
    if [ "$tests" -gt 0 ] && [ "${CI:-}" = true ] && [[ ! $step =~ ^(network|sanitize)$ ]]; then
      notes+=("FAILED: $step: $reason, and in CI that is a failure ($tests tests not run)")
      failed=$((failed + tests))
    elif [ "$tests" -gt 0 ]; then
      notes+=("left out: $step ($tests tests tagged ${tags:-$step}): $reason")
      skipped=$((skipped + tests))
    fi
    continue
  fi
  printf '== %-10s ' "$step"
  start=$SECONDS status=0
  "step_$step" >"$log" 2>&1 || status=$?
  read -r p f s < <(count "$log")
  # A check is one test; a step that broke before its tests could say so is one failure.
  if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
  if [ "$status" -eq 0 ] && [ $((p + f + s)) -eq 0 ] && [ -z "$FILTER" ]; then p=1; fi
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  printf '%5d passed %3d failed %3d skipped  %4d s\n' "$p" "$f" "$s" $((SECONDS - start))
  if [ "$f" -gt 0 ]; then
    tail -n "${TAIL:-80}" "$log" | sed 's/^/   | /'
    say "   (all of it: $log; exit status $status)"
    notes+=("FAILED: $step")
    while read -r name; do notes+=("    $name"); done < <(grep -hE '^(test .* FAILED|not ok |(FAIL|ERROR): )' "$log" | head -n 20)
  fi
  while read -r name; do notes+=("skipped in $step: $name"); done < <(grep -hE '^(test .*\.\.\. ignored|skip )' "$log" | head -n 20)
done

say "== $((SECONDS - began)) s in all"
for note in ${notes[@]+"${notes[@]}"}; do say "$note"; done
if [ "$skipped" -gt 0 ]; then
  say "$passed passed, $failed failed, $skipped skipped"
else
  say "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
