%% The measuring side: asks a peer (ours, libei's, another BEAM's) to do the same things and prints `KEY VALUE` lines.
-module(bench_driver).
-export([main/1, tcp/1, echo/0, peer/0]).

%% PEER is the node under test, OTHER a second node of the same kind, SINK a BEAM that is connected to.
main([Peer, Other, Sink, Rounds]) ->
    register(echo, spawn(fun echo/0)),
    [round(Peer, Other, Sink) || _ <- lists:seq(1, list_to_integer(atom_to_list(Rounds)))],
    init:stop().

round(P, Other, Sink) ->
    pong(P, 2000),
    report(ping_us, median([ping(P) || _ <- lists:seq(1, 10000)])),
    N = 200000,
    report(to_beam, N / time(fun() -> {bench, P} ! {flood, self(), N, 1}, take(N) end)),
    report(to_beam_2_threads, N / time(fun() -> {bench, P} ! {flood, self(), N, 2}, take(N) end)),
    report(from_beam, N / time(fun() -> give(P, N), {bench, P} ! {count, self()}, done() end)),
    {bench, P} ! {calls, self(), 50000, 64},
    report(calls_64, 50000 / done()),
    [begin
         Count = max(4, (1 bsl 28) div Size),
         Bytes = Size * Count,
         report(Out, Bytes / time(fun() -> {bench, P} ! {big, self(), Size, Count}, take_big(Count) end)),
         Data = binary:copy(<<0>>, Size),
         report(In, Bytes / time(fun() -> give_big(P, Data, Count), {bench, P} ! {count, self()}, done() end))
     end || {Size, Out, In} <- [{1 bsl 20, mib_to_beam, mib_from_beam}, {1 bsl 26, mib64_to_beam, mib64_from_beam}]],
    {bench, P} ! {peer, self(), Other, N},
    report(same_to_same, N / done()),
    {bench, P} ! {connect, self(), Sink, 100},
    report(connect_us, done() / 100).

%% The floor: bare TCP with frames of the same sizes, read and written by the BEAM's own port.
tcp(Port) ->
    {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {packet, 4}, {active, true}, {nodelay, true}]),
    Ask = fun(Data) -> ok = gen_tcp:send(S, Data) end,
    Ping = fun() -> T = erlang:monotonic_time(nanosecond), Ask(<<"p">>), frames(1), (erlang:monotonic_time(nanosecond) - T) / 1000 end,
    [Ping() || _ <- lists:seq(1, 2000)],
    report(ping_us, median([Ping() || _ <- lists:seq(1, 10000)])),
    N = 200000,
    report(to_beam, N / time(fun() -> Ask(<<"f", N:32>>), frames(N) end)),
    report(from_beam, N / time(fun() -> times(N, fun() -> Ask(<<"m", 0:344>>) end), Ask(<<"c">>), frames(1) end)),
    [begin
         Count = max(4, (1 bsl 28) div Size),
         report(Out, Size * Count / time(fun() -> Ask(<<"b", Size:32, Count:32>>), frames(Count) end)),
         Data = <<"m", (binary:copy(<<0>>, Size))/binary>>,
         report(In, Size * Count / time(fun() -> times(Count, fun() -> Ask(Data) end), Ask(<<"c">>), frames(1) end))
     end || {Size, Out, In} <- [{1 bsl 20, mib_to_beam, mib_from_beam}, {1 bsl 26, mib64_to_beam, mib64_from_beam}]],
    report(connect_us, time(fun() -> {ok, _} = gen_tcp:connect({127, 0, 0, 1}, Port, []) end)),
    init:stop().

frames(0) -> ok;
frames(N) -> receive {tcp, _, _} -> frames(N - 1) after 60000 -> exit({missing, N}) end.

times(0, _) -> ok;
times(N, F) -> F(), times(N - 1, F).

report(Key, Value) -> io:format("~s ~.4f~n", [Key, float(Value)]).
median(L) -> lists:nth(length(L) div 2, lists:sort(L)).
time(F) -> {T, _} = timer:tc(F), T.

ping(P) ->
    T = erlang:monotonic_time(nanosecond),
    {bench, P} ! {ping, self()},
    receive pong -> (erlang:monotonic_time(nanosecond) - T) / 1000 after 10000 -> exit(no_pong) end.

pong(_, 0) -> ok;
pong(P, N) -> ping(P), pong(P, N - 1).

take(0) -> ok;
take(N) -> receive {msg, _} -> take(N - 1) after 60000 -> exit({missing, N}) end.

take_big(0) -> ok;
take_big(N) -> receive B when is_binary(B) -> take_big(N - 1) after 60000 -> exit({missing, N}) end.

give(_, 0) -> ok;
give(P, N) -> {bench, P} ! {msg, N}, give(P, N - 1).

give_big(_, _, 0) -> ok;
give_big(P, Data, N) -> {bench, P} ! {big_in, Data}, give_big(P, Data, N - 1).

done() -> receive {done, V} -> max(V, 1) after 120000 -> exit(not_done) end.

echo() -> receive {'$gen_call', {P, Tag}, {add, X}} -> P ! {Tag, X}, echo() end.

%% The BEAM as the peer under test.
peer() -> register(bench, self()), peer(0).

peer(Count) ->
    receive
        {msg, _} -> peer(Count + 1);
        {big_in, _} -> peer(Count + 1);
        {ping, P} -> P ! pong, peer(Count);
        {flood, P, N, 1} -> flood(P, 0, N), peer(Count);
        {flood, P, N, T} -> [spawn(fun() -> flood(P, 0, N div T) end) || _ <- lists:seq(1, T)], peer(Count);
        {big, P, Size, N} -> B = binary:copy(<<0>>, Size), [P ! B || _ <- lists:seq(1, N)], peer(Count);
        {count, P} -> P ! {done, Count}, peer(0);
        {calls, P, N, W} ->
            T = time(fun() -> [call(P) || _ <- lists:seq(1, W)], calls(P, N - W, W) end),
            P ! {done, T}, peer(Count);
        {peer, P, Other, N} ->
            pong(Other, 1),
            T = time(fun() -> give(Other, N), {bench, Other} ! {count, self()}, done() end),
            P ! {done, T}, peer(Count);
        {connect, P, Node, N} ->
            P ! {done, lists:sum([connect(Node) || _ <- lists:seq(1, N)])}, peer(Count)
    end.

connect(Node) ->
    T = time(fun() -> true = net_kernel:connect_node(Node) end),
    monitor_node(Node, true),
    erlang:disconnect_node(Node),
    receive {nodedown, Node} -> ok end,
    timer:sleep(5),
    T.

flood(_, N, N) -> ok;
flood(P, K, N) -> P ! {msg, K}, flood(P, K + 1, N).

call(P) -> {echo, node(P)} ! {'$gen_call', {self(), make_ref()}, {add, 1}}.

calls(_, 0, 0) -> ok;
calls(P, N, W) ->
    receive {R, 1} when is_reference(R) -> ok end,
    case N of
        0 -> calls(P, 0, W - 1);
        _ -> call(P), calls(P, N - 1, W)
    end.
