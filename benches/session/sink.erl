%% What receives in the session benchmark: compiled, because the shell's interpreter would be what is measured.
-module(sink).
-export([start/1]).

%% A process called Name: `{n, Count, From}`, then that many messages, then From gets `done`.
start(Name) ->
    register(Name, spawn(fun idle/0)).

idle() ->
    receive {n, Count, From} -> count(Count), From ! done, idle() end.

count(0) -> ok;
count(Left) -> receive _ -> count(Left - 1) end.
