#!/usr/bin/env bash
# Known vulnerabilities, licences, bans and sources of the dependencies, by cargo-deny and cargo-audit. Both read advisories
# from a git repository on the network; without the tools nothing is looked up, and the last line says so.
. "$(dirname "$0")/common.sh"

looked=0
if have cargo-deny; then cargo deny check; looked=1; else say "left out: cargo-deny is not installed (cargo install cargo-deny)"; fi
if have cargo-audit; then cargo audit; looked=1; else say "left out: cargo-audit is not installed (cargo install cargo-audit)"; fi
cargo test --quiet --test dependencies
[ $looked = 1 ] || say "licences and sources are checked; known vulnerabilities were NOT looked up"
