#!/usr/bin/env bash
# The main job as a transcript: an epmd of ours, a C node, a Python node and, when Erlang is on the machine, a BEAM,
# all sending to each other. Uses a private epmd port, so a running epmd is neither needed nor disturbed.
. "$(dirname "$0")/common.sh"

mkdir -p build
say "building the library and the examples (the first time takes a minute or two) ..."
scripts/examples.sh c python >build/demo.log 2>&1 || { tail -n 40 build/demo.log; die "the examples do not build"; }

PATIENCE=30 # seconds for one event; everything here takes well under one
ERL_EPMD_PORT=$(free_port)
export ERL_EPMD_PORT
COOKIE=demo-$RANDOM
WORK=$(mktemp -d)
pids=()
finish() {
  local pid
  for pid in ${pids[@]+"${pids[@]}"}; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$WORK"
}
trap finish EXIT

# begin LABEL COMMAND...: starts a program that stays, shows its lines until it says `ready`.
declare -A streams
begin() {
  local label=$1 line stream
  shift
  printf '\n$ %s &\n' "$*" | sed "s|$COOKIE|COOKIE|"
  exec {stream}< <(exec "$@" 2>&1 </dev/null)
  pids+=($!)
  streams[$label]=$stream
  while IFS= read -r -t "$PATIENCE" -u "$stream" line; do
    printf '  %-7s| %s\n' "$label" "$line"
    case $line in ready*) return ;; esac
  done
  die "$label does not say that it is ready"
}

# call LABEL COMMAND...: runs a program to its end and shows what it prints.
call() {
  local label=$1 status=0
  shift
  printf '\n$ %s\n' "$*" | sed "s|$COOKIE|COOKIE|"
  timeout "$PATIENCE" "$@" >"$WORK/out" 2>&1 </dev/null || status=$?
  sed "s/^/  $(printf '%-7s' "$label")| /" "$WORK/out"
  [ "$status" -eq 0 ] || die "$label ended with status $status"
}

# The names that epmd knows: request `n`, answered by its own port number and then by text.
names() {
  printf '\nwho is registered at our epmd (port %s):\n' "$ERL_EPMD_PORT"
  exec 3<>"/dev/tcp/127.0.0.1/$ERL_EPMD_PORT"
  printf '\0\1n' >&3
  tail -c +5 <&3 | sed 's/^/  epmd   | /'
  exec 3>&-
}

identity() { printf -- '--name %s@localhost --cookie %s' "$1" "$COOKIE"; }

begin c build/examples/c/ping_pong $(identity c)
say "  (nobody served epmd at port $ERL_EPMD_PORT: the C node does it itself)"
begin python build/examples/python/ping_pong $(identity python)
names
call python build/examples/python/ping_pong $(identity caller) --ping c@localhost
call c build/examples/c/ping_pong $(identity caller) --ping python@localhost

if have erl && have elixir; then
  cat >"$WORK/alex.exs" <<'ELIXIR'
for node <- [:c@localhost, :python@localhost] do
  IO.puts("Node.ping(#{inspect(node)})  ->  #{inspect(Node.ping(node))}")
  send({:pong, node}, {:ping, self()})
  receive do
    answer -> IO.puts("send({:pong, #{inspect(node)}}, {:ping, self()})  ->  #{inspect(answer)}")
  after
    10_000 -> System.halt(1)
  end
end

Process.register(self(), :pong)
IO.puts("ready #{node()}")

answer = fn answer ->
  receive do
    {:ping, from} ->
      send(from, :pong)
      answer.(answer)
  end
end

answer.(answer)
ELIXIR
  begin beam env HOME="$WORK" elixir --sname alex@localhost --cookie "$COOKIE" \
    --erl "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}" "$WORK/alex.exs"
  names
  call c build/examples/c/ping_pong $(identity caller) --ping alex@localhost
  call python build/examples/python/ping_pong $(identity caller) --ping alex@localhost
  printf '\nDone: C, Python and a BEAM talked to each other, in every direction.\n'
else
  printf '\nDone: C and Python talked to each other. With Erlang and Elixir on the machine a BEAM joins in.\n'
fi
