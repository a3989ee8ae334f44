#!/usr/bin/env bash
# Runs the tests with every access watched: ThreadSanitizer, AddressSanitizer with UndefinedBehaviorSanitizer, valgrind, Miri,
# and loom, which tries the orders in which threads can meet. Each tool first has to report a program that is broken on purpose.
#   sanitize.sh [short]   `short` leaves out what takes minutes; `make test` runs it
#   sanitize.sh lacks     says what is missing of the toolchain, if anything is
#   PARTS=a,b             only these parts: thread address valgrind miri loom
# Prints `ok NAME`, `not ok NAME` or `skip NAME: reason`; what a program said is in build/sanitize/NAME.log.
#
# The Rust side is built by a nightly toolchain together with its standard library, so that the sanitizer sees the locks in it:
# with the ready-made library every lock of std looks like a race. C is compiled by this machine's compiler and linked with the
# runtime of the Rust toolchain; both speak the same interface.
. "$(dirname "$0")/common.sh"

mode=${1:-long}
case $mode in short | long | lacks) ;; *) die "usage: sanitize.sh [short|lacks]" ;; esac
NIGHTLY=${NIGHTLY:-nightly}
HOST=$(rustc -vV | sed -n 's/^host: //p')
OUT=build/sanitize
# Far longer than any program needs, and each part has a build before it.
PROGRAM_LIMIT=300
CARGO_LIMIT=${LIMIT:-1500}
mkdir -p "$OUT"
# Names of functions are enough to know what to look at with the long form, and half of the time goes into building.
[ "$mode" = long ] || export CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_TEST_DEBUG=0
export ERL_EPMD_PORT=${ERL_EPMD_PORT:-$(free_port)}
failed=0

ALL=loom,thread,address,valgrind,miri
chosen() { case ",${PARTS:-$ALL}," in *",$1,"*) return 0 ;; esac; return 1; }
skip() { say "skip $1: $2"; }

# check NAME COMMAND...: one line of the report.
check() {
  local name=$1 log
  log=$(tr -d ':' <<<"$1" | tr ' /' '--')
  log=$OUT/$log.log
  shift
  if "$@" >"$log" 2>&1 </dev/null; then
    say "ok $name"
  else
    say "not ok $name (status $?, $log)"
    grep -E 'SUMMARY|ERROR|panicked|error' "$log" | head -n 5 | sed 's/^/    /' || true
    failed=1
  fi
}

# reports TEXT COMMAND...: the command must fail, and say TEXT. What shows that a tool is really on.
reports() {
  local text=$1 said
  shift
  if said=$("$@" 2>&1 </dev/null); then
    say "$said"
    say "the broken program passed"
    return 1
  fi
  say "$said"
  grep -q -- "$text" <<<"$said"
}

limited() { timeout --kill-after=10 "$PROGRAM_LIMIT" "$@"; }
nightly() { timeout --kill-after=10 "$CARGO_LIMIT" cargo "+$NIGHTLY" "$@"; }

# What the parts need, told once.
missing_nightly() {
  cargo "+$NIGHTLY" --version >/dev/null 2>&1 || { say "no toolchain '$NIGHTLY' (rustup toolchain install nightly)"; return; }
  [ -d "$(rustc "+$NIGHTLY" --print sysroot)/lib/rustlib/src/rust/library/std" ] ||
    say "the toolchain '$NIGHTLY' has no rust-src (rustup component add rust-src --toolchain $NIGHTLY)"
}
if [ "$mode" = lacks ]; then missing_nightly; exit; fi
runtime() { say "$(rustc "+$NIGHTLY" --print target-libdir)/librustc-nightly_rt.$1.a"; }

# instrumented thread|address CARGO-ARGUMENTS...: cargo with that sanitizer in all Rust code.
instrumented() {
  local kind=$1 command=$2
  shift 2
  RUSTFLAGS="-Zsanitizer=$kind" CARGO_TARGET_DIR=$ROOT/$OUT/$kind nightly "$command" -Zbuild-std --target "$HOST" "$@"
}

# link KIND RUNTIME SOURCE PROGRAM LIBRARY FLAGS...: one C or C++ program with an instrumented library.
link() {
  local kind=$1 runtime=$2 source=$3 program=$4 library=$5 compiler=${CC:-cc}
  shift 5
  case $source in *.cpp) compiler=${CXX:-c++} ;; esac
  "$compiler" -g -O1 -fno-omit-frame-pointer "-fsanitize=$kind" "$@" -Iinclude -Ibindings/cpp -c "$source" -o "$program.o"
  # The runtime's own archive instead of the compiler's: one program can have one only.
  "$compiler" -no-pie -rdynamic "$program.o" ${library:+"$library" "-Wl,-rpath,$ROOT/${library%/*}"} -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive \
    -lpthread -ldl -lm -lrt -o "$program"
}

# shared KIND: the instrumented library where programs load it from. Twenty programs are linked with that in the time of one with the archive.
shared() {
  mkdir -p "$OUT/$1/lib"
  ln -sf "$ROOT/$OUT/$1/$HOST/debug/liberlnode.so" "$OUT/$1/lib/liberlnode.so.$(abi)"
  say "$OUT/$1/lib/liberlnode.so.$(abi)"
}

# Uses the library wrongly, so that it goes wrong in there: what shows that its code is watched, too.
misuse_c() {
  cat <<'C'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "erlnode.h"
static void *write_in(void *writer) {
    for (int n = 0; n < 100; n++) (erln_write_int64)(writer, n);
    return NULL;
}
int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "race") == 0) {
        erln_writer *writer = erln_writer_new();
        pthread_t other;
        pthread_create(&other, NULL, write_in, writer);
        write_in(writer);
        pthread_join(other, NULL);
        return 0;
    }
    erln_reader reader;
    uint8_t *place = malloc(8);
    memcpy(place, "\x68\x09jjjjjj", 8);
    (erln_reader_init)(&reader, place, 16);
    return (erln_read_skip)(&reader) ? 0 : 1;
}
C
}
misuse() { link "$1" "$2" "$OUT/misuse.c" "$OUT/misuse-$1" "$3" -std=gnu11 && limited "$OUT/misuse-$1" "$4"; }

broken_c() { # race | overflow | undefined | uninitialised
  cat <<'C'
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
static int shared;
static void *race(void *none) { shared++; return none; }
int main(int argc, char **argv) {
    if (strcmp(argv[1], "race") == 0) {
        pthread_t other;
        pthread_create(&other, NULL, race, NULL);
        shared++;
        pthread_join(other, NULL);
        return 0;
    }
    char *place = malloc(8);
    if (strcmp(argv[1], "overflow") == 0) place[8 + argc - 2] = 1;
    if (strcmp(argv[1], "undefined") == 0) shared = INT_MAX - 1 + argc;
    if (strcmp(argv[1], "uninitialised") == 0 && place[3] == 7) return 8;
    free(place);
    return 0;
}
C
}

# The same in Rust, as a crate of its own.
broken_rust() {
  mkdir -p "$OUT/broken/src"
  cat >"$OUT/broken/Cargo.toml" <<'TOML'
[package]
name = "broken"
version = "0.0.0"
edition = "2021"
[workspace]
TOML
  cat >"$OUT/broken/src/main.rs" <<'RUST'
static mut SHARED: u32 = 0;
fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("race") => {
            let other = std::thread::spawn(|| unsafe { SHARED += 1 });
            unsafe { SHARED += 1 };
            other.join().unwrap();
        }
        _ => {
            let bytes = vec![1u8; 8];
            let end = std::hint::black_box(8);
            std::hint::black_box(unsafe { *bytes.as_ptr().add(end) });
        }
    }
}
RUST
}
in_broken() { (cd "$OUT/broken" && "$@"); }

# All but the one that needs certificates, which its test makes, and the one with an allocator of its own.
C_PROGRAMS=$(ls tests/c/*.c | sed 's|.*/\(.*\)\.c|\1|' | grep -vxe tls -e scarcity)

part_thread() {
  local runtime lib=$OUT/thread/$HOST/debug/liberlnode.a library name
  runtime=$(runtime tsan)
  # A child of fork goes on; a thread of tokio's pool that ended by itself is joined late; a child ends at once.
  export TSAN_OPTIONS="die_after_fork=0:report_thread_leaks=0:atexit_sleep_ms=0"
  broken_c >"$OUT/broken.c"
  broken_rust
  check "thread: a race in C is reported" reports "data race" sh_link_and_run thread "$runtime" race
  check "thread: a race in Rust is reported" reports "data race" in_broken instrumented thread run -q -- race

  # The libei drop-in: threads that send on descriptors another thread reads from.
  check "thread: build of libei" instrumented thread build --lib --no-default-features --features ei
  if [ -f "$lib" ]; then
    cp "$lib" "$OUT/libei-thread.a"
    check "thread: link ei select" link thread "$runtime" tests/ei/select.c "$OUT/select-thread" "$OUT/libei-thread.a" -w -D_REENTRANT
    for round in $(seq "$([ "$mode" = short ] && echo 1 || echo 20)"); do
      check "thread: ei select $round" limited "$OUT/select-thread"
    done
  fi
  # The C ABI, the runtime and the nodes, used by C.
  check "thread: build of erlnode" instrumented thread build --lib
  library=$(shared thread)
  misuse_c >"$OUT/misuse.c"
  check "thread: a race in the library is reported" reports "data race" misuse thread "$runtime" "$library" race
  for name in $C_PROGRAMS; do
    check "thread: link $name" link thread "$runtime" "tests/c/$name.c" "$OUT/$name-thread" "$library" -std=gnu11
    check "thread: $name" limited "$OUT/$name-thread"
  done
  if [ "$mode" = long ]; then
    # The same from Rust, with two nodes in one process.
    check "thread: tests of nodes" instrumented thread test --test node
    check "thread: unit tests" instrumented thread test --lib -- node:: net:: ffi:: runtime service::
  else
    say "left to the long form: tests of nodes, unit tests"
  fi
}

# A broken C program, linked with the runtime and run.
sh_link_and_run() { link "$1" "$2" "$OUT/broken.c" "$OUT/broken-$1" "" && limited "$OUT/broken-$1" "$3"; }

part_address() {
  local runtime lib=$OUT/address/$HOST/debug/liberlnode.a library name
  # UBSAN needs no runtime when it traps, and so cannot quarrel with the other.
  local undefined="-fsanitize=undefined -fsanitize-undefined-trap-on-error"
  runtime=$(runtime asan)
  export ASAN_OPTIONS="detect_leaks=0"
  broken_c >"$OUT/broken.c"
  broken_rust
  check "address: an overflow in C is reported" reports "heap-buffer-overflow" sh_link_and_run address "$runtime" overflow
  check "address: an overflow in Rust is reported" reports "heap-buffer-overflow" in_broken instrumented address run -q -- overflow
  check "undefined: an overflow of int is reported" reports "" undefined_run "$runtime"

  check "address: build of erlnode" instrumented address build --lib
  library=$(shared address)
  misuse_c >"$OUT/misuse.c"
  check "address: an overflow in the library is reported" reports "heap-buffer-overflow" misuse address "$runtime" "$library" overflow
  # shellcheck disable=SC2086
  for name in $C_PROGRAMS; do
    check "address: link $name" link address "$runtime" "tests/c/$name.c" "$OUT/$name-address" "$library" -std=gnu11 $undefined
    check "address: $name" limited "$OUT/$name-address"
  done
  # shellcheck disable=SC2086
  for name in tests/cpp/*.cpp; do
    name=${name##*/}
    check "address: link $name" link address "$runtime" "tests/cpp/$name" "$OUT/$name-address" "$library" -std=c++17 $undefined
    check "address: $name" limited "$OUT/$name-address"
  done
  if [ "$mode" = short ]; then
    say "left to the long form: Python, libei"
    return
  fi
  part_address_python
  check "address: build of libei" instrumented address build --lib --no-default-features --features ei
  [ ! -f "$lib" ] || cp "$lib" "$OUT/libei-address.a"
  # shellcheck disable=SC2086
  for name in encode format deep select messages connect; do
    check "address: link ei $name" link address "$runtime" "tests/ei/$name.c" "$OUT/ei-$name-address" "$OUT/libei-address.a" -w -D_REENTRANT $undefined
    check "address: ei $name" limited "$OUT/ei-$name-address"
  done
  check "address: link ei decode" link address "$runtime" tests/ei/decode.c "$OUT/ei-decode-address" "$OUT/libei-address.a" -w -D_REENTRANT $undefined
  check "address: ei decode" limited "$OUT/ei-decode-address" tests/ei/terms.txt
  check "address: ei decode of broken terms" limited "$OUT/ei-decode-address" tests/ei/terms.txt broken
  # The generated misuses, all that have an answer: the test writes the program and their numbers.
  check "address: cases of ei misuse" timeout --kill-after=10 "$CARGO_LIMIT" cargo test --test ei misuse
  check "address: link ei misuse" link address "$runtime" "$TARGET/tmp/ei/misuse.c" "$OUT/ei-misuse-address" "$OUT/libei-address.a" -w -D_REENTRANT -Itests/ei $undefined
  ASAN_OPTIONS="$ASAN_OPTIONS:allocator_may_return_null=1" check "address: ei misuse" limited "$OUT/ei-misuse-address" "$TARGET/tmp/ei/misuse.cases"
}

undefined_run() {
  link address "$1" "$OUT/broken.c" "$OUT/broken-undefined" "" -fsanitize=undefined -fsanitize-undefined-trap-on-error &&
    limited "$OUT/broken-undefined" undefined
}

# Python itself is not instrumented; the runtime comes before it and watches what our library does with memory.
part_address_python() {
  local shared=$OUT/address/$HOST/debug/liberlnode.so preload
  preload=$(${CC:-cc} -print-file-name=libasan.so)
  if [ ! -e "$preload" ]; then skip "address: Python tests" "the C compiler has no libasan.so"; return; fi
  # Not `env`: a launcher written in shell would be watched, too.
  check "address: the sanitizer is loaded with Python" reports "AddressSanitizer" env "LD_PRELOAD=$preload" "$PYTHON" -c \
    'import ctypes; ctypes.string_at(1)'
  check "address: Python tests" env "LD_PRELOAD=$preload" "ERLNODE_LIBRARY=$ROOT/$shared" PYTHONMALLOC=malloc \
    "PYTHONPATH=$ROOT/bindings/python" timeout --kill-after=10 "$CARGO_LIMIT" \
    "$PYTHON" -m unittest discover -s bindings/python/tests -t bindings/python/tests
}
# The interpreter itself: a preloaded sanitizer must not meet a launcher.
PYTHON=$("${PYTHON:-python3}" -c 'import sys; print(sys.executable)')

# The release library and the examples, as users have them.
part_valgrind() {
  if ! have valgrind; then skip "valgrind" "valgrind is not installed"; return; fi
  local name tool="valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite"
  tool+=" --show-leak-kinds=definite --suppressions=tests/c/valgrind.supp"
  broken_c >"$OUT/broken.c"
  ${CC:-cc} -g -w "$OUT/broken.c" -o "$OUT/broken-plain" -lpthread
  check "valgrind: a read of nothing is reported" reports "uninitialised" limited $tool "$OUT/broken-plain" uninitialised
  check "valgrind: examples" scripts/examples.sh c ei
  check "valgrind: ping_pong asks ping_pong" pair "$tool" ping_pong "" "--ping $VG_SERVER"
  check "valgrind: calc asks calc" pair "$tool" calc "" "--ping $VG_SERVER"
  check "valgrind: console writes on console" pair "$tool" console "" "--ping $VG_SERVER"
  if [ "$mode" = short ]; then
    say "left to the long form: the other examples"
    return
  fi
  check "valgrind: chat talks to chat" pair "$tool" chat "" "--to $VG_SERVER --say hello"
  check "valgrind: a filter_service is asked by its name" pair "$tool" filter_service --visible "--visible --to $VG_SERVER --say"
  check "valgrind: pubsub broadcasts to pubsub" pair "$tool" pubsub "" "--to $VG_SERVER --say hello"
  check "valgrind: kv asks kv" buckets "$tool"
  check "valgrind: build of libei" scripts/libei.sh
  for name in encode decode format select messages connect sockets; do
    check "valgrind: link ei $name" "${CC:-cc}" -g -O1 -w -D_REENTRANT -Iinclude "tests/ei/$name.c" build/lib/libei.a -lpthread -lm \
      -o "$OUT/ei-$name-plain"
    # Only one of them reads what it is given.
    check "valgrind: ei $name" limited $tool "$OUT/ei-$name-plain" tests/ei/terms.txt
  done
  if have erl; then
    check "valgrind: spawn_link and ei_client with a BEAM" with_beam "$tool"
  else
    skip "valgrind: spawn_link, ei_client" "no Erlang on this machine"
  fi
}
VG_SERVER=vg_server@localhost

# serve TOOL NAME ARGUMENTS...: an example under the tool, which says on a line when it is up. Its process is `server`.
serve() {
  local tool=$1 name=$2 program=$3 ready
  shift 3
  ready=$OUT/ready.$name
  rm -f "$ready" && mkfifo "$ready"
  # Not the function: what is asked to end must be `timeout`, which passes it on.
  # shellcheck disable=SC2086
  timeout --kill-after=10 "$PROGRAM_LIMIT" $tool "build/examples/c/$program" --name "$name@localhost" --cookie ck "$@" >"$ready" &
  server=$!
  exec {line}<>"$ready"
  IFS= read -r -t 60 -u "$line" _
}
# Asks it to end, which it must do well.
end() { kill -TERM "$1" && wait "$1"; }

# pair TOOL PROGRAM SERVER-ARGUMENTS CLIENT-ARGUMENTS: both sides of an example.
pair() {
  local tool=$1 program=$2 status=0 server line
  # shellcheck disable=SC2086
  serve "$tool" vg_server "$program" $3 || status=1
  # shellcheck disable=SC2086
  limited $tool "build/examples/c/$program" --name vg_client@localhost --cookie ck $4 || status=1
  end "$server" || status=1
  return $status
}

# Two nodes that hold the buckets of one table; what is asked of one is held by the other.
buckets() {
  local tool=$1 status=0 port server line foo bar answer
  port=$(free_port)
  serve "$tool" foo kv --table examples/kv.conf --port "$port" || status=1
  foo=$server
  serve "$tool" bar kv --table examples/kv.conf || status=1
  bar=$server
  exec 8<>"/dev/tcp/127.0.0.1/$port"
  for word in "CREATE shopping" "PUT shopping milk 1" "GET shopping milk"; do
    printf '%s\r\n' "$word" >&8
    IFS= read -r -t 60 answer <&8 && say "$word: $answer"
  done
  [[ $answer == 1* ]] || status=1
  exec 8>&-
  end "$foo" || status=1
  end "$bar" || status=1
  return $status
}

# The examples that ask a BEAM for something: IO.puts, of which there is a stand-in without Elixir; lists:seq and a name.
with_beam() {
  local tool=$1 status=0 beam line
  exec {line}< <(exec erl -noinput -sname vg_beam@localhost -setcookie ck -eval "
    {ok, Tokens, _} = erl_scan:string(\"-module('Elixir.IO'). -export([puts/1]). puts(T) -> io:put_chars(T).\"),
    Split = fun S([]) -> []; S(Ts) -> {F, [D | R]} = lists:splitwith(fun(T) -> element(1, T) =/= dot end, Ts), [F ++ [D] | S(R)] end,
    {ok, M, B} = compile:forms([element(2, erl_parse:parse_form(F)) || F <- Split(Tokens)]), code:load_binary(M, [], B),
    register(echo, spawn(fun F() -> receive {hello, P} -> P ! hello, F() end end)), io:format(\"up~n\").")
  beam=$!
  IFS= read -r -t 60 -u "$line" _ || status=1
  limited $tool build/examples/c/ei_client vg_beam@localhost ck echo || status=1
  limited $tool build/examples/c/spawn_link --name vg_client@localhost --cookie ck --ping vg_beam@localhost || status=1
  kill "$beam"
  exec {line}<&-
  return $status
}

# What is not allowed to touch memory wrongly even where no machine would notice.
part_miri() {
  nightly miri --version >/dev/null 2>&1 || { skip "miri" "no miri in '$NIGHTLY' (rustup component add miri --toolchain $NIGHTLY)"; return; }
  broken_rust
  export MIRIFLAGS="-Zmiri-disable-isolation" CARGO_TARGET_DIR=$ROOT/$OUT/miri PROPTEST_CASES=2
  check "miri: a read beyond the end is reported" reports "Undefined Behavior" in_broken nightly miri run -q -- overflow
  # Millions of bytes are for the other tools: Miri is a thousand times slower.
  local filters=(ffi::handle ffi::reader ffi::writer)
  [ "$mode" = short ] || filters+=(term:: proto::)
  check "miri: ${filters[*]}" nightly miri test --lib -- "${filters[@]}" $(sed 's/^/--skip /' tests/miri-skips.txt 2>/dev/null)
  unset MIRIFLAGS CARGO_TARGET_DIR PROPTEST_CASES
}

# The orders in which threads can meet, all of them within the bound, for queue, handle table and runtime.
part_loom() {
  # One of these tests has to fail, which shows that loom is really on.
  check "loom" env RUSTFLAGS="--cfg erlnode_loom" CARGO_TARGET_DIR="$ROOT/$OUT/loom" \
    timeout --kill-after=10 "$CARGO_LIMIT" cargo test --lib loom_
}

reason=$(missing_nightly)
for part in loom thread address valgrind miri; do
  chosen "$part" || continue
  case $part in
    thread | address | miri) if [ -n "$reason" ]; then skip "$part" "$reason"; continue; fi ;;
  esac
  "part_$part"
done
exit "$failed"
