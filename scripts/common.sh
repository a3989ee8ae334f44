# Sourced by the other scripts: where things are, how the library is named, how to say and to find.
# Always true: the working directory is the root of the repository, and a failing command ends the script.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ROOT=$PWD
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
# The target directory is cargo's own unless the environment says otherwise.
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}

say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The number of the ABI, which the header states once and the soname carries.
abi() { sed -n 's/^#define ERLN_ABI[A-Z_]* *(*\([0-9][0-9]*\).*/\1/p' include/erlnode.h | head -n 1; }

# A TCP port that is free now, below the range from which the kernel hands out ports by itself.
free_port() {
  local port
  for port in $(shuf -i 20000-29999 -n 50); do
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then say "$port"; return; fi
  done
  die "no free port between 20000 and 29999"
}
