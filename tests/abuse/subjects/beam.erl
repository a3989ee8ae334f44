Loop = fun Loop() ->
    receive
        {P, T} when is_pid(P) -> P ! T, Loop();
        _ -> Loop()
    end
end,
register(echo, spawn(Loop)),
[Alive, _] = string:lexemes(atom_to_list(node()), "@"),
{port, Port, _} = erl_epmd:port_please(Alive, "localhost"),
io:format("ready ~w ~w~n", [Port, erlang:system_info(creation)]),
Serve = fun Serve() ->
    case io:get_line("") of
        "connect " ++ Name ->
            io:format("connected ~w~n", [net_kernel:connect_node(list_to_atom(string:trim(Name)))]),
            Serve();
        _ -> erlang:halt(0)
    end
end,
spawn(Serve).
