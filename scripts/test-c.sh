#!/usr/bin/env bash
# test-c.sh c|cpp: compiles and runs every program of tests/c or tests/cpp against the library of this tree.
# A program is one test: it passes when it ends with status 0, and 77 says that it cannot run here.
. "$(dirname "$0")/common.sh"

language=${1:?c or cpp}
# Long enough for a loaded machine; a test that waits longer than this waits for ever.
SECONDS_PER_TEST=60

[ -f build/lib/liberlnode.so ] || scripts/build.sh
case $language in
  c) compile=("${CC:-cc}" -std=c11) suffix=c ;;
  cpp) compile=("${CXX:-c++}" -std=c++17 -Ibindings/cpp) suffix=cpp ;;
  *) die "usage: test-c.sh c|cpp" ;;
esac
out=build/test/$language
mkdir -p "$out"
failed=0
for source in tests/"$language"/*."$suffix"; do
  name=$(basename "$source" ".$suffix")
  case $name in ei_*) library=-lei ;; *) library=-lerlnode ;; esac
  log=$out/$name.log status=0
  { "${compile[@]}" -g -O1 -Wall -Wextra -Werror -Iinclude "$source" -o "$out/$name" -Lbuild/lib \
    "-Wl,-rpath,$ROOT/build/lib" "$library" -lpthread &&
    ERL_EPMD_PORT=$(free_port) timeout --kill-after=5 "$SECONDS_PER_TEST" "$out/$name"; } >"$log" 2>&1 || status=$?
  case $status in
    0) say "ok $language/$name" ;;
    77) say "skip $language/$name: $(tail -n 1 "$log")" ;;
    *)
      say "not ok $language/$name (status $status)"
      tail -n 30 "$log" | sed 's/^/    /'
      failed=1
      ;;
  esac
done
exit "$failed"
