#!/usr/bin/env bash
# The long forms of tests/abuse: every truncation of every golden term, 200,000 wrong cookies, 2,000 flaps, 100 MB over
# 1 Mbit/s, 10 GB for a sleeping reader. About twenty minutes, most of them the slow link. FILTER narrows; figures are printed.
. "$(dirname "$0")/common.sh"

ERLNODE_ABUSE_LONG=1 cargo test --no-fail-fast --test abuse -- --test-threads=1 --nocapture ${FILTER:-}
