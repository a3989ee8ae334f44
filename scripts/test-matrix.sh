#!/usr/bin/env bash
# The live tests against each OTP of RELEASES (25 27 29). FILTER=name narrows them, as in `make test`.
. "$(dirname "$0")/common.sh"

LOGS=build/test
mkdir -p "$LOGS"
scripts/examples.sh >"$LOGS/matrix-library.log" 2>&1 || { tail -n 40 "$LOGS/matrix-library.log"; die "the examples do not build"; }
cargo test --no-run --test interop --test ei >"$LOGS/matrix-build.log" 2>&1 || { tail -n 40 "$LOGS/matrix-build.log"; die "the tests do not build"; }

passed=0 failed=0 lines=()
for release in ${RELEASES:-25 27 29}; do
  log=$LOGS/matrix-$release.log status=0 start=$SECONDS
  if root=$(scripts/otp.sh "$release"); then
    ERLNODE_OTP_ROOT=$root timeout --kill-after=10 1500 cargo test --no-fail-fast --test interop -- ${FILTER:-} \
      </dev/null >"$log" 2>&1 || status=$?
    # C nodes on our libei, with that release's BEAM.
    ERLNODE_ERL="${root:+chroot $root }erl" timeout --kill-after=10 600 cargo test --no-fail-fast --test ei -- ${FILTER:-live::} \
      </dev/null >>"$log" 2>&1 || status=$?
    read -r p f < <(awk '/^test result: / { p += $4; f += $6 } END { print p + 0, f + 0 }' "$log")
    if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then f=1; fi
    [ "$f" -eq 0 ] || tail -n 80 "$log" | sed 's/^/   | /'
  else
    p=0 f=1
  fi
  passed=$((passed + p)) failed=$((failed + f))
  lines+=("OTP $release: $p passed, $f failed, $((SECONDS - start)) s")
done
for line in "${lines[@]}"; do say "$line"; done
say "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
