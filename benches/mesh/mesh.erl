%% What a fourth member costs three BEAMs: locks and names of `global`, by nobody, by one of ours and by a BEAM, in turns.
%%
%% Runs on the first of the three. Each line it prints is one figure: `Work Member Value`; then `end`.
-module(mesh).
-export([main/2, taker/3]).

-define(BEAMS, ['b1@localhost', 'b2@localhost', 'b3@localhost']).
%% Operations of one row in one round, and how long the takers take locks.
-define(COUNT, 150).
-define(TAKING, 400).

main(Rounds, Members) ->
    [wait(fun() -> net_adm:ping(Node) =:= pong end) || Node <- ?BEAMS],
    wait(fun() -> lists:all(fun(Node) -> knows(Node, ?BEAMS -- [Node]) end, ?BEAMS) end),
    measure(),
    [begin
        {First, Last} = lists:split(Round rem length(Members), Members),
        [one(Member) || Member <- Last ++ First]
     end || Round <- lists:seq(1, Rounds)],
    io:format("end~n"),
    halt().

one({Label, "", _}) ->
    print(Label, measure(), []);
one({Label, Name, Command}) ->
    Node = list_to_atom(Name),
    Port = open_port({spawn, "sh -c 'echo $$; exec " ++ Command ++ "'"}, [{line, 100}]),
    Pid = receive {Port, {data, {eol, Line}}} -> Line end,
    wait(fun() -> lists:all(fun(Beam) -> knows(Beam, [Node]) end, ?BEAMS) end),
    global:sync(),
    timer:sleep(300),
    Before = processor(Pid),
    Figures = measure(),
    print(Label, Figures, [processor(Pid) - Before]),
    port_close(Port),
    wait(fun() -> not lists:any(fun(Beam) -> knows(Beam, [Node]) end, ?BEAMS) end),
    timer:sleep(200).

knows(Beam, Nodes) ->
    Nodes -- gen_server:call({global_name_server, Beam}, get_known) =:= [].

wait(Done) ->
    Done() orelse begin timer:sleep(10), wait(Done) end.

%% Nanoseconds of processor time that a process has used.
processor(Pid) ->
    Used = fun(File) ->
        case file:read_file(File) of
            {ok, Text} -> binary_to_integer(hd(binary:split(Text, <<" ">>)));
            _ -> 0
        end
    end,
    lists:sum([Used(File) || File <- filelib:wildcard("/proc/" ++ Pid ++ "/task/*/schedstat")]).

print(Label, {Name, Lock, Rate, Operations}, Processor) ->
    io:format("name ~s ~w~nlock ~s ~w~nrate ~s ~w~n", [Label, Name, Label, Lock, Label, Rate]),
    [io:format("cpu ~s ~w~n", [Label, Time / 1000 / Operations]) || Time <- Processor].

measure() ->
    Pid = spawn(fun() -> receive stop -> ok end end),
    Name = fun() -> yes = global:register_name(speed, Pid), global:unregister_name(speed) end,
    Id = {speed, self()},
    Lock = fun() -> true = global:set_lock(Id), global:del_lock(Id) end,
    [Name() || _ <- lists:seq(1, 20)],
    Names = median([element(1, timer:tc(Name)) || _ <- lists:seq(1, ?COUNT)]),
    Locks = median([element(1, timer:tc(Lock)) || _ <- lists:seq(1, ?COUNT)]),
    exit(Pid, kill),
    End = erlang:monotonic_time(millisecond) + ?TAKING,
    Takers = [spawn(Beam, ?MODULE, taker, [self(), Number, ?TAKING]) || Beam <- ?BEAMS, Number <- [1, 2]],
    Taken = lists:sum([receive {Taker, Count} -> Count end || Taker <- Takers]),
    Spent = erlang:monotonic_time(millisecond) - End + ?TAKING,
    {Names, Locks, Taken * 1000 / Spent, 20 + 2 * ?COUNT + Taken}.

%% Takes a lock of its own again and again.
taker(Back, Number, Millis) ->
    erlang:send_after(Millis, self(), enough),
    Back ! {self(), take({{taker, node(), Number}, self()}, 0)}.

take(Id, Count) ->
    receive
        enough -> Count
    after 0 ->
        true = global:set_lock(Id),
        global:del_lock(Id),
        take(Id, Count + 1)
    end.

median(List) ->
    lists:nth((length(List) + 1) div 2, lists:sort(List)).
