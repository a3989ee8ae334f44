#!/usr/bin/env bash
# Removes what was built. The trees of build/otp stay: they take minutes to fetch and have /proc and /dev mounted.
. "$(dirname "$0")/common.sh"

cargo clean
for thing in build/*; do
  [ "$thing" = build/otp ] || rm -rf "$thing"
done
