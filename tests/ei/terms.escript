#!/usr/bin/env escript
%% Writes terms.txt: one term per line in hexadecimal, with a name, as a real OTP encodes it, and then the forms that no
%% OTP writes any more but every decoder must read.  Usage: escript terms.escript > terms.txt

-mode(compile).

main(_) ->
    {Pid, Port, Ref} = {list_to_pid("<0.77.3>"), hd(erlang:ports()), make_ref()},
    X = 17,
    Terms = [
        {int_0, 0}, {int_255, 255}, {int_256, 256}, {int_neg1, -1}, {int_27bits, 16#7ffffff}, {int_28bits, 16#8000000},
        {int_max31, 16#7fffffff}, {int_min31, -16#80000000}, {int_32, 16#80000000}, {int_neg32, -16#80000001},
        {int_u32, 16#ffffffff}, {int_40, 1 bsl 39}, {int_max63, (1 bsl 63) - 1}, {int_min63, -(1 bsl 63)},
        {int_neg63_1, -(1 bsl 63) - 1}, {int_64, 1 bsl 63}, {int_u64, (1 bsl 64) - 1}, {int_65, 1 bsl 64},
        {int_neg65, -(1 bsl 64)}, {int_big, 1 bsl 200 + 12345}, {int_huge, 1 bsl 2100 - 1}, {int_neghuge, -(1 bsl 2100)},
        {float_0, 0.0}, {float_neg, -1.5}, {float_pi, 3.141592653589793}, {float_big, 1.0e308}, {float_tiny, 5.0e-324},
        {atom_empty, ''}, {atom_a, a}, {atom_true, true}, {atom_false, false}, {atom_hello, 'hello world'},
        {atom_upper, 'Hello'}, {atom_at, node@host}, {atom_quote, 'it\'s'}, {atom_latin, 'åäö'}, {atom_utf8, 'λж漢'},
        {atom_255, list_to_atom(lists:duplicate(255, $x))}, {atom_255_utf8, list_to_atom(lists:duplicate(255, $λ))},
        {atom_255_wide, list_to_atom(lists:duplicate(255, 16#1F600))}, {atom_127, list_to_atom(lists:duplicate(127, $å))},
        {atom_128, list_to_atom(lists:duplicate(128, $å))},
        {nil, []}, {string, "hello"}, {string_ctl, [1, 2, 9, 10, 13, 8, 11, 12, 31, 127, 128, 255]},
        {string_65535, lists:duplicate(65535, $s)}, {list_65536, lists:duplicate(65536, 7)}, {list_ints, [1, 256, -1, 1 bsl 70]},
        {list_nested, [[], [[]], [a, [b, [c]]], {}, "x"]}, {list_improper, [a, b | c]}, {list_improper_list, [[a | b] | {c}]},
        {list_mixed, [1, 2.0, "three", <<"four">>, {5}, 'six', [7]]}, {list_floats, [1.0, 2.0]},
        {tuple_0, {}}, {tuple_1, {a}}, {tuple_3, {a, 1, "b"}}, {tuple_255, list_to_tuple(lists:seq(1, 255))},
        {tuple_256, list_to_tuple(lists:seq(1, 256))}, {tuple_deep, lists:foldl(fun(_, T) -> {T} end, x, lists:seq(1, 200))},
        {map_0, #{}}, {map_1, #{a => 1}}, {map_3, #{a => #{b => c}, 2 => "two", "k" => [v]}},
        {map_40, maps:from_list([{I, {I}} || I <- lists:seq(1, 40)])},
        {bin_0, <<>>}, {bin_5, <<"hello">>}, {bin_30, binary:copy(<<1>>, 30)}, {bin_31, binary:copy(<<2>>, 31)},
        {bin_1000, binary:copy(<<"0123456789">>, 100)}, {bits_1, <<1:1>>}, {bits_7, <<5:7>>}, {bits_9, <<257:9>>},
        {bits_240, <<7:240>>}, {bits_243, <<7:243>>}, {bits_250, <<7:250>>},
        {iolist, [<<"ab">>, $c, "de", [<<"f">>, [$g | <<"h">>]], [] | <<"tail">>]}, {iolist_bad, [a, <<"x">>]},
        {iolist_256, [256]}, {iolist_neg, [-1]}, {iolist_tail, [1 | 2]},
        {pid, Pid}, {self, self()}, {port, Port}, {ref, Ref}, {ids, [Pid, Port, Ref]},
        {fun_local, fun(A) -> A + X end}, {fun_two, fun(A, B) -> {A, B, X, Ref} end}, {fun_export, fun lists:map/2},
        {fun_export_long, fun 'a_module_with_a_name':'a_function_with_a_name'/255},
        {trace, {1, 2, 3, Pid, 4}}, {trace_bad, {1, 2, 3, Pid}}, {msg, {Pid, {call, m, f, [], user}}}
    ],
    [line(Name, binary:part(term_to_binary(T), 1, byte_size(term_to_binary(T)) - 1)) || {Name, T} <- Terms],
    [line(Name, B) || {Name, B} <- old(Pid)],
    ok.

%% What nobody writes any more, or only some do.
old(_) ->
    Node = <<100, 7:16, "nod@hst">>, Utf8 = <<119, 9, "nö@hö"/utf8>>, Latin = <<115, 5, "n", 246, "@hö">>,
    [{old_atom, <<100, 5:16, "hello">>}, {old_atom_latin, <<100, 3:16, 229, 228, 246>>}, {old_small_atom, <<115, 5, "hello">>},
     {old_small_atom_latin, <<115, 3, 229, 228, 246>>}, {long_true, <<100, 4:16, "true">>}, {long_false, <<118, 5:16, "false">>},
     {atom_256, <<118, 256:16, (binary:copy(<<"y">>, 256))/binary>>}, {latin_255, <<100, 255:16, (binary:copy(<<246>>, 255))/binary>>},
     {latin_256, <<100, 256:16, (binary:copy(<<246>>, 256))/binary>>}, {utf8_1020, <<118, 1020:16, (binary:copy(<<"é"/utf8>>, 510))/binary>>},
     {utf8_1021, <<118, 1021:16, (binary:copy(<<"z">>, 1021))/binary>>}, {utf8_broken, <<119, 3, 195, 40, 65>>},
     {old_float, <<99, (list_to_binary(io_lib:format("~.20e", [1.5])))/binary, 0:(8 * 5)>>}, {old_float_bad, <<99, "hello", 0:(8 * 26)>>},
     {old_float_space, <<99, "  -2.5e3", 0:(8 * 23)>>}, {old_float_inf, <<99, "inf", 0:(8 * 28)>>}, {nan, <<70, 16#7ff8000000000001:64>>},
     {infinity, <<70, 16#7ff0000000000000:64>>}, {neg_nan, <<70, 16#fff8000000000001:64>>}, {neg_zero, <<70, 16#8000000000000000:64>>},
     {old_pid, <<103, Node/binary, 1:32, 2:32, 7>>}, {new_pid, <<88, Node/binary, 1:32, 2:32, 16#80000001:32>>},
     {utf8_pid, <<88, Utf8/binary, 16#ffffffff:32, 16#fffffffe:32, 5:32>>}, {latin_pid, <<88, Latin/binary, 1:32, 2:32, 3:32>>},
     {old_port, <<102, Node/binary, 9:32, 6>>}, {new_port, <<89, Node/binary, 16#fffffff:32, 16#fffffff0:32>>},
     {v4_port, <<120, Node/binary, 16#123456789abcdef0:64, 8:32>>}, {v4_port_small, <<120, Node/binary, 5:64, 8:32>>},
     {oldest_ref, <<101, Node/binary, 16#fedcba98:32, 5>>}, {old_ref, <<114, 3:16, Node/binary, 2, 1:32, 2:32, 3:32>>},
     {ref_0, <<90, 0:16, Node/binary, 4:32>>}, {ref_1, <<90, 1:16, Node/binary, 4:32, 1:32>>},
     {ref_5, <<90, 5:16, Node/binary, 4:32, 1:32, 2:32, 16#ffffffff:32, 4:32, 5:32>>}, {ref_6, <<90, 6:16, Node/binary, 4:32, 0:192>>},
     {old_fun, <<117, 2:32, 103, Node/binary, 1:32, 2:32, 1, Node/binary, 97, 3, 98, 4:32, 97, 1, 106>>},
     {old_fun_bad, <<117, 2:32, 97, 1>>}, {fun_short_size, <<112, 20:32, 0:200>>},
     {export_long, <<113, 118, 1000:16, (binary:copy(<<"m">>, 1000))/binary, 119, 30, (binary:copy(<<"f">>, 30))/binary, 97, 3>>},
     {big_0, <<110, 0, 0>>}, {big_small, <<110, 1, 0, 5>>}, {big_negzero, <<110, 1, 1, 0>>}, {big_sign2, <<110, 2, 2, 1, 1>>},
     {big_4, <<110, 4, 0, 1, 2, 3, 4>>}, {big_4neg, <<110, 4, 1, 1, 2, 3, 4>>}, {big_4top, <<110, 4, 0, 1, 2, 3, 255>>},
     {big_4min, <<110, 4, 1, 0, 0, 0, 128>>}, {big_4zero, <<110, 4, 1, 0, 0, 0, 0>>},
     {big_9zero, <<110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0>>}, {big_9, <<110, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 1>>},
     {big_11zero, <<110, 11, 0, 0:88>>}, {lbig_1, <<111, 1:32, 0, 200>>}, {lbig_8, <<111, 8:32, 1, 0:56, 128>>}, {lbig_3, <<111, 3:32, 0, 1, 2, 3>>},
     {tuple_large_2, <<105, 2:32, 97, 1, 97, 2>>}, {list_0, <<108, 0:32, 106>>}, {list_0_tail, <<108, 0:32, 97, 1>>},
     {list_string, <<108, 3:32, 97, 65, 97, 66, 97, 67, 106>>}, {list_string_bad, <<108, 3:32, 97, 65, 98, 66:32, 97, 67, 106>>},
     {list_string_tail, <<108, 2:32, 97, 65, 97, 66, 97, 67>>}, {string_0, <<107, 0:16>>},
     {bits_0, <<77, 0:32, 0>>}, {bits_last0, <<77, 1:32, 0, 1>>}, {bits_last8, <<77, 2:32, 8, 1, 2>>}, {bits_last9, <<77, 2:32, 9, 1, 2>>},
     {bits_empty3, <<77, 0:32, 3>>}, {unknown_67, <<67, 1>>}, {unknown_78, <<78, 1>>}, {unknown_80, <<80, 0:32>>}, {unknown_82, <<82, 1>>},
     {unknown_121, <<121, 0:64>>}, {unknown_0, <<0>>}, {unknown_255, <<255, 1, 2, 3>>}, {version, <<131, 97, 1>>},
     {list_bad_element, <<108, 2:32, 255, 97, 1, 106>>}, {tuple_bad_element, <<104, 2, 255, 97, 1>>}].

line(Name, Bytes) ->
    io:put_chars([atom_to_list(Name), " ", [io_lib:format("~2.16.0b", [B]) || <<B>> <= Bytes], "\n"]).
