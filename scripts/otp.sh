#!/usr/bin/env bash
# otp.sh RELEASE: prints the root of a tree that holds this OTP release, or an empty line when the machine's own Erlang
# is that release. Makes the tree from Debian's packages when it is not there yet (root only), in ERLNODE_OTP_CACHE
# (default ~/.cache/erlnode/otp): outside the repository, because cargo walks through everything below its own root.
# ERLNODE_OTP_27=/dir and the like name a tree that exists already.
. "$(dirname "$0")/common.sh"

release=${1:?an OTP release, such as 27}
# Where each release comes from. A moving suite may have moved on: the release is asked below, not assumed.
case $release in
  25) suite=bookworm ;;
  27) suite=trixie ;;
  29) suite=forky ;;
  *) suite= ;;
esac
ASK='io:put_chars(erlang:system_info(otp_release)), halt().'

if have erl && [ "$(erl -noshell -eval "$ASK" </dev/null)" = "$release" ]; then
  echo
  exit
fi

named=ERLNODE_OTP_$release
tree=${!named:-${ERLNODE_OTP_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/erlnode/otp}/$release}
[ "$(id -u)" -eq 0 ] || die "OTP $release lives in a tree of its own, which only root can enter"

inside() { HOME=/root LC_ALL=C.UTF-8 chroot "$tree" "$@" </dev/null; }
# A runtime needs /proc and /dev; they stay mounted for the next run.
prepare() {
  mkdir -p "$tree/proc" "$tree/dev" "$tree/etc"
  mountpoint -q "$tree/proc" || mount -t proc proc "$tree/proc"
  mountpoint -q "$tree/dev" || mount -t devtmpfs dev "$tree/dev" 2>/dev/null || mount --bind /dev "$tree/dev"
  grep -qs localhost "$tree/etc/hosts" || echo '127.0.0.1 localhost' >>"$tree/etc/hosts"
}

if [ ! -x "$tree/usr/bin/erl" ]; then
  [ -n "$suite" ] || die "no Debian suite is known for OTP $release; name a tree with $named=/dir"
  bootstrap=$(command -v debootstrap || echo /usr/sbin/debootstrap)
  [ -x "$bootstrap" ] || die "debootstrap is not installed"
  mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
  # A suite younger than this machine's debootstrap is made the way of sid.
  script=
  [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid
  say "otp $release: fetching Debian $suite into $tree" >&2
  rm -rf "$tree.part"
  mkdir -p "$tree.part"
  "$bootstrap" --variant=minbase "$suite" "$tree.part" "$mirror" $script </dev/null >"$tree.log" 2>&1 ||
    die "debootstrap $suite failed, see $tree.log"
  mv "$tree.part" "$tree"
  prepare
  cp /etc/resolv.conf "$tree/etc/resolv.conf"
  DEBIAN_FRONTEND=noninteractive inside apt-get install -y --no-install-recommends erlang-nox elixir >>"$tree.log" 2>&1 ||
    die "installing Erlang in $tree failed, see $tree.log"
fi
prepare
found=$(inside erl -noshell -eval "$ASK") || die "the Erlang in $tree does not start"
[ "$found" = "$release" ] || die "$tree holds OTP $found, not $release"
(cd "$tree" && pwd)
