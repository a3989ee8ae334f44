%% What receives in the session benchmark: compiled, because the shell's interpreter would be what is measured.
-module(sink).
-export([start/1, echo/0, drain/0, bulk/0, asker/0]).

%% A process called Name: `{n, Count, From}`, then that many messages, then From gets `done`.
start(Name) ->
    register(Name, spawn(fun idle/0)).

idle() ->
    receive {n, Count, From} -> count(Count), From ! done, idle() end.

count(0) -> ok;
count(Left) -> receive _ -> count(Left - 1) end.

%% What the row about echoes beside a transfer needs. An echo; and what takes anything.
echo() ->
    receive {P, B} -> P ! {echo, B}, echo() end.

drain() ->
    receive {done, P} -> P ! done; _ -> ok end, drain().

%% `{bulk, To, Size, From}`: binaries of that size to To until `stop`; then From gets how many.
bulk() ->
    receive {bulk, To, Size, From} ->
        Count = fill(To, binary:copy(<<1>>, Size), 0),
        To ! {done, self()},
        receive done -> From ! Count end,
        bulk()
    end.

fill(To, Big, Count) ->
    To ! Big,
    receive stop -> Count + 1 after 0 -> fill(To, Big, Count + 1) end.

%% `{ask, To, Milliseconds, From}`: echoes of 1 kB, one after the other; From gets `{Median, P99, Count}` in microseconds.
asker() ->
    receive {ask, To, Milliseconds, From} ->
        Until = erlang:monotonic_time() + erlang:convert_time_unit(Milliseconds, millisecond, native),
        Times = lists:sort(ask(To, binary:copy(<<7>>, 1000), Until, [])),
        Count = length(Times),
        At = fun(Part) -> erlang:convert_time_unit(lists:nth(Count * Part div 100 + 1, Times), native, microsecond) end,
        From ! {At(50), At(99), Count},
        asker()
    end.

ask(To, Message, Until, Times) ->
    Began = erlang:monotonic_time(),
    To ! {self(), Message},
    receive {echo, _} -> ok end,
    case erlang:monotonic_time() of
        Now when Now < Until -> ask(To, Message, Until, [Now - Began | Times]);
        Now -> [Now - Began | Times]
    end.
