#!/usr/bin/env bash
# The measurements of benches/, one after the other, on the release build. Columns of peers that the machine lacks
# (libei, a BEAM) are left out by each benchmark, which says so.
. "$(dirname "$0")/common.sh"

compgen -G 'benches/*' >/dev/null || die "there are no benchmarks yet"
scripts/examples.sh
cargo bench --benches
