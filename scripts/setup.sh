#!/usr/bin/env bash
# Makes this machine able to `build`, to run the `test`s or the test `matrix`: installs missing Debian or Ubuntu
# packages when root, else prints the one line to run. A missing Erlang never stops a build: the tests that need
# it are left out, and say so.
. "$(dirname "$0")/common.sh"

mode=${1:-test}

# COMMAND:PACKAGE for what must be there, and for what only some tests need.
required=(cc:gcc c++:g++ python3:python3)
optional=()
case $mode in
  build) ;;
  test) optional=(erl:erlang-nox elixir:elixir erl_call:erlang-dev pkg-config:pkg-config cmake:cmake valgrind:valgrind tc:iproute2 gmp:libgmp-dev) ;;
  matrix) optional=(erl:erlang-nox elixir:elixir debootstrap:debootstrap) ;;
  *) die "usage: setup.sh build|test|matrix" ;;
esac

# `erl_call` has no fixed place in the path; the header of libei tells whether erlang-dev is there.
present() {
  case $1 in
    erl_call) compgen -G '/usr/lib/erlang/lib/erl_interface-*/include/ei.h' >/dev/null ;;
    gmp) [ -n "$(compgen -G '/usr/include/gmp.h')$(compgen -G '/usr/include/*/gmp.h')" ] ;;
    debootstrap) have debootstrap || [ -x /usr/sbin/debootstrap ] ;;
    *) have "$1" ;;
  esac
}

missing() {
  local pair
  for pair in "$@"; do present "${pair%%:*}" || printf '%s ' "${pair##*:}"; done
}

# The sanitizers and Miri are parts of a nightly toolchain, next to the one that everything else is built with.
nightly() {
  local toolchain=${NIGHTLY:-nightly} log
  [ -n "$(scripts/sanitize.sh lacks)" ] || ! cargo "+$toolchain" miri --version >/dev/null 2>&1 || return 0
  if ! have rustup; then
    say "setup: no rustup to install a nightly toolchain with: the sanitizers will be left out"
    return
  fi
  say "setup: rustup toolchain install $toolchain --profile minimal --component rust-src --component miri"
  log=$(mktemp)
  rustup toolchain install "$toolchain" --profile minimal --component rust-src --component miri </dev/null >"$log" 2>&1 ||
    tail -n 20 "$log" >&2
  rm -f "$log"
}

have cargo || die "no Rust toolchain: install one from https://rustup.rs (1.85 or newer), then run this again"

need=$(missing "${required[@]}")
want=$(missing "${optional[@]}")
[ "$mode" != test ] || nightly
[ -n "$need$want" ] || exit 0
line="apt-get install -y --no-install-recommends $need$want"

if [ "$(id -u)" -eq 0 ] && have apt-get; then
  say "setup: $line"
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  # The package list may be absent or old: only when the first try fails is it fetched.
  if ! $line </dev/null >"$log" 2>&1; then
    { apt-get update && $line; } </dev/null >"$log" 2>&1 || tail -n 20 "$log" >&2
  fi
  rm -f "$log"
else
  say "setup: to have everything, run:  sudo $line"
fi

still=$(missing "${required[@]}")
[ -z "$still" ] || die "cannot go on without: $still"
