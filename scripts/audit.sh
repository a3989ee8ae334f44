#!/usr/bin/env bash
# Licences, bans, sources and known vulnerabilities of the dependencies, by cargo-deny and cargo-audit. Vulnerabilities are looked up
# in a git repository on the network (RustSec/advisory-db). What could not be looked up, for want of a tool or of the network, is a
# line `skip ...`, and a failure: unless with the argument `lenient`, for `make test`, which has to run without both.
. "$(dirname "$0")/common.sh"

FETCH_SECONDS=60
failed=0 skipped=0

skip() { say "skip $1: NOT LOOKED UP, $2"; skipped=1; }

# part NAME CMD...
part() {
  local name=$1 text
  shift
  if text=$("$@" 2>&1); then
    say "ok $name"
  else
    say "not ok $name"
    printf '%s\n' "$text" | sed 's/^/    /'
    failed=1
  fi
}

deny() { cargo deny --log-level error "$@"; }

if ! have cargo-deny; then
  skip 'cargo deny' 'it is not installed (cargo install cargo-deny --locked)'
else
  part 'licences, bans and sources (cargo deny)' deny check --hide-inclusion-graph licenses bans sources
  if timeout "$FETCH_SECONDS" cargo deny fetch db >/dev/null 2>&1; then
    part 'known vulnerabilities (cargo deny)' deny check advisories
  else
    skip 'known vulnerabilities (cargo deny)' 'their database cannot be fetched'
  fi
fi

if ! have cargo-audit; then
  skip 'cargo audit' 'it is not installed (cargo install cargo-audit --locked)'
elif text=$(timeout "$FETCH_SECONDS" cargo audit $(sed -n 's/.*id = "\(RUSTSEC-[^"]*\)".*/--ignore \1/p' deny.toml) 2>&1); then
  say 'ok known vulnerabilities (cargo audit)'
elif [ -z "$text" ] || grep -q 'fetch advisory database' <<<"$text"; then
  skip 'known vulnerabilities (cargo audit)' 'their database cannot be fetched'
else
  say 'not ok known vulnerabilities (cargo audit)'
  printf '%s\n' "$text" | sed 's/^/    /'
  failed=1
fi

[ $failed = 0 ] && { [ "${1:-}" = lenient ] || [ $skipped = 0 ]; }
