#!/usr/bin/env bash
# Runs every case of abuse against our node and against whatever of BEAM, libei and jinterface is installed, and writes
# docs/score.md. Takes some minutes: some of the others hang, and some have to be started again.
. "$(dirname "$0")/common.sh"

ERLNODE_SCORE=1 cargo test --test abuse the_score_table -- --nocapture
