#!/usr/bin/env escript
%% -*- erlang -*-
%%! -sname vec@localhost -start_epmd false -erl_epmd_port 4391
%%
%% Writes vectors: terms as this OTP release encodes, decodes, prints, sorts and compares them.
%% Usage: [ERL_FLAGS="+pc unicode"] escript make_vectors.escript OUT.gz
%%
%% The file is a gzip stream of records  Kind:8 Count:8 (Length:32 Bytes)*Count :
%%   $T  Name Source Again W P    a term. Source: as given, with 131. Again: what term_to_binary makes of the decoded
%%                                value (empty: same as Source). W, P: io_lib:format "~tw" and "~0tp" in UTF-8 (empty: too long).
%%   $R  Name Source              bytes that binary_to_term refuses.
%%   $O  Name Shuffled Sorted     lists: lists:sort(Shuffled) =:= Sorted.
%%   $Q  Name List Matrix         compares all pairs: one byte for each (A, B) row by row:
%%                                $< $= $> for the order, and $! instead of $= when also A =:= B.
%%   $V  Release Range            otp release, printable range.
-mode(compile).

main([Out]) ->
    rand:seed(exsss, {1, 2, 3}),
    Release = list_to_binary(erlang:system_info(otp_release)),
    Range = atom_to_binary(io:printable_range()),
    All = [record($V, [Release, Range])]
        ++ [made(N, T) || {N, T} <- terms()]
        ++ [given(N, B) || {N, B} <- variants() ++ legacy() ++ odd()]
        ++ orders() ++ pairs(),
    ok = file:write_file(Out, zlib:gzip(All)).

record(Kind, Fields) ->
    [<<Kind, (length(Fields))>> | [<<(byte_size(F)):32, F/binary>> || F <- Fields]].

made(Name, Term) -> given(Name, term_to_binary(Term)).

given(Name, Bytes) ->
    try binary_to_term(Bytes) of
        Term ->
            Again = case term_to_binary(Term) of Bytes -> <<>>; B -> B end,
            record($T, [name(Name), Bytes, Again, text("~tw", Term), text("~0tp", Term)])
    catch
        error:_ -> record($R, [name(Name), Bytes])
    end.

name(Name) when is_list(Name) -> unicode:characters_to_binary(Name).

text(Format, Term) ->
    case unicode:characters_to_binary(io_lib:format(Format, [Term])) of
        B when is_binary(B), byte_size(B) < 40000 -> B;
        _ -> <<>>
    end.

n(F, A) -> lists:flatten(io_lib:format(F, A)).

%% ---- terms this BEAM makes itself
terms() ->
    ints() ++ floats() ++ atoms() ++ binaries() ++ bits() ++ lists_() ++ tuples() ++ maps_() ++ ids() ++ funs() ++ mixed().

ints() ->
    Near = [0, 1, 10, 127, 128, 255, 256, 1 bsl 27, 1 bsl 28, 1 bsl 31, 1 bsl 32, 1 bsl 53, 1 bsl 59, 1 bsl 60, 1 bsl 63, 1 bsl 64]
        ++ [1 bsl (8 * K) || K <- [3, 5, 6, 7, 9, 10, 12, 15, 16, 17, 20, 32, 64, 100, 128, 254, 255, 256, 257, 1000, 3000]],
    Vs = lists:usort(lists:append([[N - 1, N, N + 1, -N - 1, -N, -N + 1] || N <- Near])),
    [{n("int ~p", [case abs(V) < 1 bsl 80 of true -> V; false -> {bits, bit_length(V)} end]), V} || V <- Vs]
        ++ [{n("int digits ~p", [D]), list_to_integer(lists:duplicate(D, $7))} || D <- [1, 5, 9, 10, 11, 18, 19, 20, 21, 38, 39, 40, 77, 200, 1000]]
        ++ [{n("int ten to ~p", [D]), trunc_pow(D)} || D <- lists:seq(1, 60)].

trunc_pow(0) -> 1;
trunc_pow(D) -> 10 * trunc_pow(D - 1).

bit_length(V) when V < 0 -> -bit_length(-V);
bit_length(V) -> length(integer_to_list(V, 2)).

floats() ->
    Fixed = [0.0, -0.0, 1.0, -1.0, 1.5, 0.1, 0.2, 0.3, 1.0e-1, 1.0e-2, 1.0e-3, 1.0e-4, 1.0e-5, 1.0e-6, 1.0e-7, 1.23e-4, 1.23456e-5,
             0.001, 0.0012345, 10.0, 100.0, 12345.678, 123456789.0, 3.141592653589793, 2.718281828459045, 1.0e9, 1.0e10, 1.0e11, 1.0e12, 1.0e15, 1.0e16, 1.0e17,
             1.0e20, 1.0e21, 1.0e22, 1.0e23, 1.0e100, 1.2345e15, 1.2345e16, 1.2345e17, 9007199254740991.0, 9007199254740992.0, 9007199254740994.0,
             4503599627370496.5, 1.7976931348623157e308, 2.2250738585072014e-308, 2.225073858507201e-308, 5.0e-324, 1.0e-323, -5.0e-324,
             999999.9999999999, 99999999999999990.0, 5.0e15, 4.35, 2.675, 1.005, 1.0e308, 123456.0e3],
    Tens = [math:pow(10, E) || E <- lists:seq(-30, 30)] ++ [7.0 * math:pow(10, E) || E <- lists:seq(-12, 24)]
        ++ [1.25 * math:pow(10, E) || E <- lists:seq(-12, 24)] ++ [-123.456 * math:pow(10, E) || E <- lists:seq(-12, 24)],
    Random = random_floats(300),
    [{n("float ~w", [F]), F} || F <- Fixed ++ Tens ++ Random].

random_floats(0) -> [];
random_floats(N) ->
    Bits = rand:uniform(1 bsl 64) - 1,
    case <<Bits:64>> of
        <<F/float>> -> [F | random_floats(N - 1)];
        _ -> random_floats(N)
    end.

reserved() ->
    ['after', 'and', 'andalso', 'band', 'begin', 'bnot', 'bor', 'bsl', 'bsr', 'bxor', 'case', 'catch', 'cond', 'div', 'else', 'end', 'fun', 'if',
     'let', 'maybe', 'not', 'of', 'or', 'orelse', 'query', 'receive', 'rem', 'try', 'when', 'xor', 'do', 'in', 'module', 'record', 'is_atom', 'spec'].

atoms() ->
    Plain = [hello, 'Hello', 'hello world', '', 'a@b', a_B9, '_x', '1a', true, false, nil, undefined, 'node@host.example.org', 'a.b', '@', 'a-b', 'a\'b', 'a"b', 'a\\b',
             'Elixir.Kate', 'Elixir.Kate.Sub', 'Elixir.kate', 'Elixir.', 'Elixir', 'Elixir.A b', 'Elixir.Elixir', 'Elixir.Elixir.A', 'foo?', 'foo!', 'foo?!', 'foo?bar', 'x@y?', '==', '+', '&&&', '<<>>', '{}', '%{}', '..', '...', '//', '..//',
             '=>', '->', '%', '[]', '()', '@x', '!', '&', '|>', '::', '<-', '|', '.', 'when', ' ', 'ab c', 'Foo', 'fooBar', '\'', '"', 'a\nb', 'a\tb', '\e[0m', 'a\x{7f}b'],
    Wide = [[229], [197], [969], [937], [26085, 26412], [223], [128512], [173], [160], [8203], [57344], [65533], [119, 229], [1078], [1046], [945, 32, 946], [233, 116, 233], [97, 776], [181], [170], [186], [215], [247], [255], [688], [8490], [64256], [20013, 63]],
    [{n("atom ~w", [A]), A} || A <- Plain]
        ++ [{n("reserved ~s", [A]), A} || A <- reserved()]
        ++ [{n("wide atom ~w", [W]), list_to_atom(W)} || W <- Wide]
        ++ [{n("atom of code ~w", [C]), list_to_atom([C])} || C <- lists:seq(0, 255)]
        ++ [{n("atom a code b ~w", [C]), list_to_atom([$a, C, $b])} || C <- lists:seq(0, 255)]
        ++ [{n("long atom ~w of ~w", [C, L]), list_to_atom(lists:duplicate(L, C))} || C <- [$a, 229, 1078, 26085, 128512], L <- [2, 63, 64, 85, 86, 127, 128, 254, 255]].

binaries() ->
    [{n("binary code ~w", [C]), <<C>>} || C <- lists:seq(0, 255)]
        ++ [{n("binary a code b ~w", [C]), <<$a, C, $b>>} || C <- lists:seq(0, 255)]
        ++ [{n("binary utf8 ~w", [C]), <<$a, C/utf8, $b>>} || C <- wide_codes()]
        ++ [{"binary empty", <<>>}, {"binary text", <<"hello world">>}, {"binary quotes", <<"say \"hi\" \\ #{x} ~p">>},
            {"binary lines", <<"one\r\ntwo\tthree">>}, {"binary broken utf8", <<"ab", 16#c3>>}, {"binary broken utf8 2", <<"ab", 16#ff, "cd">>},
            {"binary surrogate", <<16#ed, 16#a0, 16#80>>}, {"binary mixed", <<"åb", 0>>}, {"binary 255", binary:copy(<<"x">>, 255)}, {"binary 256", binary:copy(<<"y">>, 256)},
            {"binary bytes", list_to_binary(lists:seq(0, 255))}, {"binary 65536", binary:copy(<<"z">>, 65536)}, {"binary 100 zeros", <<0:800>>},
            {"binary japanese", <<"日本語"/utf8>>}, {"binary emoji", <<"a😀b"/utf8>>}, {"binary combining", <<"e\x{301}"/utf8>>}, {"binary e acute latin1", <<233>>}].

wide_codes() ->
    [128, 133, 159, 160, 173, 175, 228, 255, 256, 888, 1024, 1376, 8203, 8232, 8233, 8288, 8364, 12354, 55295, 57344, 64975, 64976, 65007, 65279, 65532, 65533, 65534, 65535, 65536, 128512, 131071, 983040, 1114109, 1114111].

bits() ->
    [{n("bits ~w", [N]), <<(-1):N>>} || N <- lists:seq(1, 24)]
        ++ [{n("bits low ~w", [N]), <<1:N>>} || N <- lists:seq(1, 24)]
        ++ [{"bits text", <<"abc", 5:3>>}, {"bits long", <<0:8001>>}].

lists_() ->
    [{n("string code ~w", [C]), [C]} || C <- lists:seq(0, 256)]
        ++ [{n("string a code b ~w", [C]), [$a, C, $b]} || C <- lists:seq(0, 256)]
        ++ [{n("string wide ~w", [C]), [$a, C, $b]} || C <- wide_codes() ++ [55296, 1114112, -1]]
        ++ [{"nil", []}, {"string hello", "hello"}, {"string quotes", "say \"hi\" \\ #{x} ~p 'a'"}, {"string utf", "åäö"}, {"string 日本", "日本"},
            {"list of ints", [1, 2, 3]}, {"list mixed", [a, "b", <<"c">>, 1, 2.5, {}]}, {"list nested", [[[[]]]]}, {"list of nils", [[], [], []]},
            {"list of strings", ["one", "two", [0], []]}, {"improper", [a | b]}, {"improper 2", [1, 2 | 3]}, {"improper string", [$a, $b | c]}, {"improper binary", [a | <<"b">>]},
            {"improper alias", [alias | make_ref()]}, {"improper nested", [[a | b], [c | d] | e]}, {"iolist", ["ab", <<"cd">> | <<"ef">>]},
            {"list 300", lists:seq(1, 300)}, {"list 256 bytes", lists:seq(0, 255)}, {"string 65535", lists:duplicate(65535, $a)}, {"string 65536", lists:duplicate(65536, $a)},
            {"string 255", lists:duplicate(255, $b)}, {"string 256", lists:duplicate(256, $b)}, {"deep list 1000", deep_list(1000, [])}, {"deep tuple 1000", deep_tuple(1000, x)},
            {"keyword", [{a, 1}, {b, 2}]}, {"keyword upper", [{'A b', 1}, {'Elixir.Kate', 2}]}, {"keyword mixed", [{a, 1}, b]}, {"keyword nil key", [{nil, 1}]}, {"keyword true", [{true, 1}, {false, 2}, {'foo?', 3}, {'+', 4}, {'', 5}, {'a@b', 6}]},
            {"not keyword", [{a, 1, 2}]}, {"not keyword 2", [{"a", 1}]}, {"charlist then int", [$a, 1]}, {"list bool", [true, false, nil]}, {"list one atom", [x]}].

deep_list(0, T) -> T;
deep_list(N, T) -> deep_list(N - 1, [T]).
deep_tuple(0, T) -> T;
deep_tuple(N, T) -> deep_tuple(N - 1, {T}).

tuples() ->
    [{n("tuple ~w", [N]), list_to_tuple(lists:seq(1, N))} || N <- [0, 1, 2, 3, 10, 254, 255, 256, 257, 1000]]
        ++ [{"tuple ok", {ok, "text", <<"bin">>}}, {"tuple nested", {{}, {{}}, {{{}}}}}, {"record like", {person, "joe", 42}},
            {"gen call", {'$gen_call', {self(), [alias | make_ref()]}, {add, 1, 2}}}].

maps_() ->
    [{n("map ints ~w", [N]), maps:from_list([{I, I * I} || I <- lists:seq(1, N)])} || N <- [0, 1, 2, 10, 31, 32, 33, 34, 100, 500]]
        ++ [{n("map atoms ~w", [N]), maps:from_list([{list_to_atom(n("k~w", [I])), I} || I <- lists:seq(1, N)])} || N <- [1, 2, 32, 33]]
        ++ [{"map mixed keys", #{1 => a, 1.0 => b, a => c, "s" => d, <<"b">> => e, {t} => f, [] => g, #{} => h}},
            {"map nested", #{a => #{b => #{c => #{}}}}}, {"map in map key", #{#{a => 1} => #{b => 2}}}, {"map one", #{a => 1}}, {"map one binary", #{<<"a">> => 1}}, {"map quoted key", #{'A b' => 1}},
            {"map elixir key", #{'Elixir.Kate' => 1}}, {"struct one", #{'__struct__' => 'Elixir.Kate'}}, {"struct two", #{'__struct__' => 'Elixir.Kate', name => <<"kate">>}},
            {"struct odd", #{'__struct__' => 1}}, {"struct lower", #{'__struct__' => kate}}, {"map keyword list value", #{a => [{b, 1}]}},
            {"range", #{'__struct__' => 'Elixir.Range', first => 1, last => 10, step => 1}}, {"range down", #{'__struct__' => 'Elixir.Range', first => 10, last => 1, step => -1}},
            {"range step", #{'__struct__' => 'Elixir.Range', first => 1, last => 10, step => 3}},
            {"exception", #{'__struct__' => 'Elixir.RuntimeError', '__exception__' => true, message => <<"boom">>}},
            {"mapset", #{'__struct__' => 'Elixir.MapSet', map => #{1 => [], 2 => []}}},
            {"date", #{'__struct__' => 'Elixir.Date', calendar => 'Elixir.Calendar.ISO', year => 2024, month => 2, day => 9}},
            {"time", #{'__struct__' => 'Elixir.Time', calendar => 'Elixir.Calendar.ISO', hour => 7, minute => 8, second => 9, microsecond => {123000, 3}}},
            {"naive", #{'__struct__' => 'Elixir.NaiveDateTime', calendar => 'Elixir.Calendar.ISO', year => 2024, month => 2, day => 9, hour => 7, minute => 8, second => 9, microsecond => {0, 0}}},
            {"utc", #{'__struct__' => 'Elixir.DateTime', calendar => 'Elixir.Calendar.ISO', year => 2024, month => 2, day => 9, hour => 7, minute => 8, second => 9, microsecond => {5, 6}, std_offset => 0, utc_offset => 0, time_zone => <<"Etc/UTC">>, zone_abbr => <<"UTC">>}}].

ids() ->
    Port = open_port({spawn, "cat"}, []),
    Ps = [{"own pid", self()}, {"own ref", make_ref()}, {"own alias", alias()}, {"own port", Port}, {"own pid in list", [self()]}, {"init pid", whereis(init)},
          {"ref in tuple", {make_ref(), self(), Port}}],
    Ps.

funs() ->
    X = 17, Y = <<"free">>, Z = #{a => [1]},
    [{"fun export", fun lists:map/2}, {"fun export elixir", fun 'Elixir.Kate':say_name/0}, {"fun export quoted", fun 'a b':'C d'/3},
     {"fun local 0", fun() -> ok end}, {"fun local 1", fun(A) -> A end}, {"fun one free", fun(A) -> A + X end},
     {"fun three free", fun(A, B) -> {A, B, X, Y, Z} end}, {"fun in tuple", {'fun', fun() -> Y end}}, {"fun eval", eval_fun()}, {"fun local name", fun n/2}].

eval_fun() ->
    {ok, Tokens, _} = erl_scan:string("fun(A) -> A * 2 end."),
    {ok, Exprs} = erl_parse:parse_exprs(Tokens),
    {value, F, _} = erl_eval:exprs(Exprs, []),
    F.

mixed() ->
    [{"rpc call", {self(), {call, lists, seq, [1, 10], group_leader()}}}, {"down", {'DOWN', make_ref(), process, self(), {undef, [{foo, bar, [1, "two", <<"three">>], []}]}}},
     {"everything", {1, -1, 1 bsl 70, 1.5, atom, 'Atom', "string", <<"binary">>, <<5:3>>, [], [a | b], {}, #{x => "y"}, self(), make_ref(), fun lists:map/2}},
     {"proplist big", [{list_to_atom(n("key_~w", [I])), n("value ~w", [I])} || I <- lists:seq(1, 50)]}].

%% ---- the same values by other options of term_to_binary
variants() ->
    Values = [{"atom", [abc, 'åäö', '日本']}, {"float", [1.5, -0.0, 1.0e300]}, {"text", lists:duplicate(100, {abc, "compress me", <<"again">>})}, {"ints", lists:seq(1, 1000)},
              {"map", #{a => 1, b => 2, c => [1.0]}}, {"pid", {self(), make_ref()}}],
    [{n("~s minor ~w", [N, M]), term_to_binary(V, [{minor_version, M}])} || {N, V} <- Values, M <- [0, 1, 2]]
        ++ [{n("~s compressed ~w", [N, L]), term_to_binary(V, [{compressed, L}])} || {N, V} <- Values, L <- [0, 1, 6, 9]]
        ++ [{n("~s compressed minor ~w", [N, M]), term_to_binary(V, [compressed, {minor_version, M}])} || {N, V} <- Values, M <- [0, 1]]
        ++ [{n("~s deterministic", [N]), term_to_binary(V, [deterministic])} || {N, V} <- Values].

%% ---- encodings that no BEAM of today writes, but which it reads
legacy() ->
    Node = <<119, 5, "foo@h">>, Old = <<100, 0, 5, "foo@h">>, Small = <<115, 5, "foo@h">>,
    Float = fun(S) -> Pad = binary:copy(<<0>>, 31 - byte_size(S)), <<131, 99, S/binary, Pad/binary>> end,
    [{"float text 1.5", Float(<<"1.50000000000000000000e+00">>)}, {"float text -2.25", Float(<<"-2.25000000000000000000e+00">>)}, {"float text 1e-300", Float(<<"1.00000000000000000000e-300">>)},
     {"float text short", Float(<<"3.5">>)}, {"float text zero", Float(<<"0.0">>)}, {"float text minus zero", Float(<<"-0.0">>)}, {"float text no digits", Float(<<"abc">>)}, {"float text empty", Float(<<>>)},
     {"float text int", Float(<<"3">>)}, {"float text inf", Float(<<"inf">>)}, {"float text big", Float(<<"1.0e400">>)}, {"float text junk behind", Float(<<"1.5xyz">>)}, {"float text blanks", Float(<<" 1.5">>)}, {"float text plus", Float(<<"+1.5">>)},
     {"float text comma", Float(<<"1,5">>)}, {"float text tiny", Float(<<"4.9406564584124654e-324">>)}, {"float text underflow", Float(<<"1.0e-400">>)}, {"float text E", Float(<<"1.5E3">>)}, {"float text 30", <<131, 99, "1.0000000000000000000000000e+0", 0>>},
     {"atom ext", <<131, 100, 0, 3, "abc">>}, {"atom ext empty", <<131, 100, 0, 0>>}, {"atom ext latin1", <<131, 100, 0, 3, 229, 228, 246>>}, {"atom ext 255", <<131, 100, 255:16, (binary:copy(<<229>>, 255))/binary>>},
     {"small atom ext", <<131, 115, 3, "abc">>}, {"small atom latin1", <<131, 115, 2, 255, 128>>}, {"small atom 255", <<131, 115, 255, (binary:copy(<<"x">>, 255))/binary>>}, {"atom utf8 long tag", <<131, 118, 0, 3, "abc">>},
     {"atom utf8 empty", <<131, 119, 0>>}, {"atom utf8 long empty", <<131, 118, 0, 0>>},
     {"pid ext", <<131, 103, Old/binary, 5:32, 6:32, 1>>}, {"pid ext 0", <<131, 103, Node/binary, 5:32, 6:32, 0>>}, {"pid ext small", <<131, 103, Small/binary, 37:32, 0:32, 3>>}, {"pid ext creation 4", <<131, 103, Node/binary, 5:32, 6:32, 4>>},
     {"pid ext large", <<131, 103, Node/binary, 16#ffffffff:32, 16#ffffffff:32, 2>>},
     {"new pid", <<131, 88, Node/binary, 5:32, 6:32, 77:32>>}, {"new pid large", <<131, 88, Node/binary, 16#ffffffff:32, 16#ffffffff:32, 16#ffffffff:32>>}, {"new pid odd node", <<131, 88, 119, 3, "xyz", 5:32, 6:32, 77:32>>}, {"new pid latin1 node", <<131, 88, 100, 0, 3, 229, "@h", 5:32, 6:32, 77:32>>},
     {"new pid quoted node", <<131, 88, 119, 7, "A b@h.x", 5:32, 6:32, 77:32>>}, {"new pid creation 0", <<131, 88, Node/binary, 5:32, 6:32, 0:32>>}, {"new pid empty node", <<131, 88, 119, 0, 5:32, 6:32, 7:32>>},
     {"port ext", <<131, 102, Old/binary, 7:32, 2>>}, {"port ext creation 9", <<131, 102, Old/binary, 7:32, 9>>}, {"new port", <<131, 89, Node/binary, 7:32, 99:32>>}, {"v4 port", <<131, 120, Node/binary, 7:64, 99:32>>}, {"v4 port large", <<131, 120, Node/binary, 16#ffffffffffffffff:64, 99:32>>},
     {"new port large", <<131, 89, Node/binary, 16#ffffffff:32, 99:32>>},
     {"reference ext", <<131, 101, Old/binary, 12:32, 3>>}, {"new reference 1", <<131, 114, 1:16, Old/binary, 2, 5:32>>}, {"new reference 3", <<131, 114, 3:16, Old/binary, 2, 5:32, 6:32, 7:32>>},
     {"new reference creation 4", <<131, 114, 1:16, Old/binary, 4, 5:32>>}, {"newer reference 0", <<131, 90, 0:16, Node/binary, 8:32>>}]
        ++ [{n("newer reference ~w", [N]), <<131, 90, N:16, Node/binary, 8:32, (list_to_binary([<<I:32>> || I <- lists:seq(1, N)]))/binary>>} || N <- lists:seq(1, 7)]
        ++ [{"newer reference large", <<131, 90, 3:16, Node/binary, 8:32, 16#3ffff:32, 16#ffffffff:32, 16#ffffffff:32>>},
     {"newer reference first word full", <<131, 90, 3:16, Node/binary, 8:32, 16#ffffffff:32, 16#ffffffff:32, 16#ffffffff:32>>},
     {"record", <<131, 67, 2:32, 1, 119, 1, "m", 119, 1, "r", 119, 1, "a", 119, 1, "b", 97, 1, 97, 2>>},
     {"record local", <<131, 67, 1:32, 0, 119, 1, "m", 119, 1, "r", 119, 1, "a", 106>>}, {"record empty", <<131, 67, 0:32, 1, 119, 1, "m", 119, 1, "r">>},
     {"record quoted", <<131, 67, 1:32, 1, 119, 2, "M m", 119, 1, "r", 119, 1, "a", 97, 1>>}, {"record quoted names", <<131, 67, 1:32, 1, 119, 3, "M m", 119, 2, "Rr", 119, 2, "A ", 107, 0, 2, "hi">>},
     {"record twice the field", <<131, 67, 2:32, 1, 119, 1, "m", 119, 1, "r", 119, 1, "a", 119, 1, "a", 97, 1, 97, 2>>}, {"record flags 2", <<131, 67, 1:32, 2, 119, 1, "m", 119, 1, "r", 119, 1, "a", 106>>},
     {"record nested", <<131, 104, 1, 67, 1:32, 1, 119, 1, "m", 119, 1, "r", 119, 1, "a", 67, 1:32, 1, 119, 1, "m", 119, 1, "r", 119, 1, "a", 109, 2:32, "hi">>},
     {"old fun", <<131, 117, 0:32, 103, Node/binary, 5:32, 6:32, 1, 119, 1, "m", 97, 1, 97, 2>>},
     {"export arity 0", <<131, 113, 119, 1, "m", 119, 1, "f", 97, 0>>}, {"export arity 255", <<131, 113, 119, 1, "m", 119, 1, "f", 97, 255>>}, {"export old atoms", <<131, 113, 100, 0, 1, "m", 115, 1, "f", 97, 2>>},
     {"export int arity", <<131, 113, 119, 1, "m", 119, 1, "f", 98, 2:32>>}].

%% ---- unusual, wrong, or hostile
odd() ->
    Z = fun(Raw) -> <<131, 80, (byte_size(Raw)):32, (zlib:compress(Raw))/binary>> end,
    [{"small int as big", <<131, 110, 1, 0, 5>>}, {"big with zeros above", <<131, 110, 5, 0, 5, 0, 0, 0, 0>>}, {"big of length 0", <<131, 110, 0, 0>>}, {"big negative zero", <<131, 110, 2, 1, 0, 0>>}, {"big sign 7", <<131, 110, 1, 7, 5>>},
     {"big length 0 negative", <<131, 110, 0, 1>>}, {"large big small", <<131, 111, 1:32, 0, 200>>}, {"large big none", <<131, 111, 0:32, 0>>}, {"large big i64 min", <<131, 111, 8:32, 1, 0, 0, 0, 0, 0, 0, 0, 128>>},
     {"integer in 98 small", <<131, 98, 5:32>>}, {"integer in 98 negative", <<131, 98, -5:32>>}, {"small tuple as large", <<131, 105, 2:32, 97, 1, 97, 2>>},
     {"list of 0 with tail", <<131, 108, 0:32, 97, 1>>}, {"list of 0 nil", <<131, 108, 0:32, 106>>}, {"list with string tail", <<131, 108, 1:32, 97, 1, 107, 0, 2, "ab">>}, {"list with list tail", <<131, 108, 1:32, 97, 1, 108, 1:32, 97, 2, 106>>}, {"list with empty string tail", <<131, 108, 1:32, 97, 1, 107, 0, 0>>},
     {"string empty", <<131, 107, 0, 0>>}, {"bytes as list", <<131, 108, 3:32, 97, 65, 97, 66, 97, 67, 106>>}, {"bit binary 8", <<131, 77, 2:32, 8, 1, 2>>}, {"bit binary dirty", <<131, 77, 1:32, 3, 255>>}, {"bit binary 0", <<131, 77, 1:32, 0, 255>>}, {"bit binary 9", <<131, 77, 1:32, 9, 255>>}, {"bit binary empty", <<131, 77, 0:32, 0>>}, {"bit binary empty 1", <<131, 77, 0:32, 1>>},
     {"map unsorted", <<131, 116, 3:32, 97, 3, 97, 1, 97, 1, 97, 1, 97, 2, 97, 1>>}, {"map twice the key", <<131, 116, 2:32, 97, 1, 97, 1, 97, 1, 97, 2>>}, {"map 1 and 1.0", <<131, 116, 2:32, 97, 1, 97, 1, 70, 1.0/float, 97, 2>>}, {"map twice atom in two forms", <<131, 116, 2:32, 119, 1, "a", 97, 1, 100, 0, 1, "a", 97, 2>>}, {"map twice string key", <<131, 116, 2:32, 107, 0, 1, "a", 97, 1, 108, 1:32, 97, $a, 106, 97, 2>>},
     {"map twice zero", <<131, 116, 2:32, 70, 0.0/float, 97, 1, 70, 128, 0:56, 97, 2>>},
     {"float nan", <<131, 70, 16#7ff8000000000000:64>>}, {"float inf", <<131, 70, 16#7ff0000000000000:64>>}, {"float minus inf", <<131, 70, 16#fff0000000000000:64>>},
     {"atom 256", <<131, 118, 256:16, (binary:copy(<<"x">>, 256))/binary>>}, {"atom latin1 256", <<131, 100, 256:16, (binary:copy(<<"x">>, 256))/binary>>}, {"atom bad utf8", <<131, 119, 1, 255>>}, {"atom surrogate", <<131, 119, 3, 16#ed, 16#a0, 16#80>>}, {"atom overlong", <<131, 119, 2, 16#c0, 16#80>>}, {"atom cut utf8", <<131, 119, 2, $a, 16#c3>>}, {"atom above unicode", <<131, 119, 4, 16#f4, 16#90, 16#80, 16#80>>},
     {"atom noncharacter", <<131, 119, 3, 16#ef, 16#bf, 16#bf>>}, {"atom nul", <<131, 119, 1, 0>>},
     {"cache reference", <<131, 82, 0>>}, {"tag 0", <<131, 0>>}, {"tag 255", <<131, 255>>}, {"empty", <<>>}, {"only version", <<131>>}, {"version 130", <<130, 97, 1>>}, {"tag 73", <<131, 73, 1:32>>}, {"tag 121", <<131, 121, 0:64, 97, 1>>},
     {"compressed int", Z(<<97, 1>>)}, {"compressed twice", Z(<<80, 2:32, (zlib:compress(<<97, 1>>))/binary>>)}, {"compressed with version", Z(<<131, 97, 1>>)}, {"compressed short claim", <<131, 80, 1:32, (zlib:compress(<<97, 1>>))/binary>>}, {"compressed long claim", <<131, 80, 3:32, (zlib:compress(<<97, 1>>))/binary>>}, {"compressed garbage", <<131, 80, 2:32, 1, 2, 3, 4>>}, {"compressed behind garbage", <<(Z(<<97, 1>>))/binary, 0>>},
     {"tuple huge arity", <<131, 105, 16#ffffffff:32, 97, 1>>}, {"list huge count", <<131, 108, 16#ffffffff:32, 97, 1>>}, {"map huge count", <<131, 116, 16#ffffffff:32, 97, 1>>}, {"binary huge", <<131, 109, 16#ffffffff:32, 1>>}, {"big huge", <<131, 111, 16#ffffffff:32, 0, 1>>}, {"reference 65535", <<131, 90, 65535:16, 119, 1, "n", 1:32>>},
     {"pid node is int", <<131, 88, 97, 1, 5:32, 6:32, 77:32>>}, {"export module int", <<131, 113, 97, 1, 119, 1, "f", 97, 0>>}, {"export arity negative", <<131, 113, 119, 1, "m", 119, 1, "f", 98, -1:32>>}, {"new fun short", <<131, 112, 0:32, 0>>}].

%% ---- order
corpus() ->
    Node = fun(N) -> <<119, (byte_size(N)), N/binary>> end,
    Pid = fun(N, I, S, C) -> binary_to_term(<<131, 88, (Node(N))/binary, I:32, S:32, C:32>>) end,
    Ref = fun(N, C, Ws) -> binary_to_term(<<131, 90, (length(Ws)):16, (Node(N))/binary, C:32, (list_to_binary([<<W:32>> || W <- Ws]))/binary>>) end,
    Port = fun(N, I, C) -> binary_to_term(<<131, 120, (Node(N))/binary, I:64, C:32>>) end,
    [0, 1, -1, 2, 1.0, 1.5, -1.0, 0.0, -0.0, 255, 256, 1 bsl 31, -(1 bsl 31), 1 bsl 53, 9007199254740992.0, 9007199254740993, 9007199254740991.0, 9007199254740991,
     1 bsl 62, float(1 bsl 62), 1 bsl 63, float(1 bsl 63), (1 bsl 63) - 1, 1 bsl 64, (1 bsl 64) - 1, -(1 bsl 63), -(1 bsl 63) - 1, float(1 bsl 64), 1 bsl 100, -(1 bsl 100), float(1 bsl 100), (1 bsl 100) + 1, 1 bsl 1023, 1 bsl 2000, -(1 bsl 2000), 1.7976931348623157e308, -1.7976931348623157e308, 5.0e-324,
     a, b, ab, aa, 'A', '', 'å', 'z', 'ö', '日', '😀', abc, abd, true, false, nil, list_to_atom([65533]), list_to_atom([65536]),
     make_ref_(Ref), Ref(<<"a@h">>, 5, [1]), Ref(<<"a@h">>, 5, [1, 2]), Ref(<<"a@h">>, 5, [2, 1]), Ref(<<"a@h">>, 5, [1, 2, 3]), Ref(<<"a@h">>, 5, [3, 2, 1]), Ref(<<"b@h">>, 5, [1, 2, 3]), Ref(<<"b@h">>, 4, [1, 2, 3]), Ref(<<"a@h">>, 9, [1, 2, 3]), Ref(<<"a@h">>, 5, [1, 2, 3, 4, 5]), Ref(<<"a@h">>, 5, [0, 0, 7]), Ref(<<"a@h">>, 5, [7]),
     fun lists:map/2, fun lists:map/3, fun lists:foldl/3, fun erlang:abs/1,
     Port(<<"a@h">>, 1, 5), Port(<<"a@h">>, 2, 5), Port(<<"b@h">>, 1, 5), Port(<<"b@h">>, 1, 4), Port(<<"a@h">>, 1 bsl 40, 5), Port(<<"a@h">>, 1, 6),
     Pid(<<"a@h">>, 1, 0, 5), Pid(<<"a@h">>, 2, 0, 5), Pid(<<"a@h">>, 1, 1, 5), Pid(<<"b@h">>, 1, 0, 5), Pid(<<"b@h">>, 1, 0, 4), Pid(<<"a@h">>, 0, 2, 5), Pid(<<"a@h">>, 1, 0, 6), Pid(<<"c@h">>, 0, 0, 5), Pid(<<"aa@h">>, 1, 0, 5), Pid(<<"z@h">>, 16#fffffff, 16#1fff, 5), Pid(<<"a@h">>, 16#ffffffff, 16#ffffffff, 5),
     {}, {a}, {1}, {b, a}, {a, b}, {a, b, c}, {1, 2}, {1.0, 2}, {1, 2.0}, {[]}, {{}},
     #{}, #{a => 1}, #{b => 1}, #{a => 2}, #{a => 1.0}, #{1 => a}, #{1.0 => a}, #{a => 1, b => 2}, #{a => 1, c => 0}, #{1 => x, 2 => y}, #{1.0 => x, 2 => y}, #{1 => x, 2.0 => y}, #{a => 1, 1 => 2}, #{<<"a">> => 1}, #{a => #{}}, #{a => #{b => 1}}, #{1 => a, 1.0 => b}, #{1 => b, 1.0 => a},
     maps:from_list([{I, I} || I <- lists:seq(1, 40)]), maps:from_list([{I, I} || I <- lists:seq(2, 41)]), maps:from_list([{float(I), I} || I <- lists:seq(1, 40)]),
     [], [a], [a, b], [b], [1], [1, 2], [1.0], "abc", "abd", [97], [97.0], [97, 98 | c], [97 | b], [[]], [[], []], [a | b], [a | 1], [{}], lists:seq(1, 10), lists:seq(1, 11), [1 | <<"x">>],
     <<>>, <<0>>, <<1>>, <<0, 0>>, <<"a">>, <<"ab">>, <<"b">>, <<255>>, <<1:1>>, <<0:1>>, <<1:2>>, <<"a", 1:1>>, <<"a", 0:1>>, <<"a", 0:7>>, <<97:7>>, <<"abc">>, <<255, 255, 1:1>>].

make_ref_(Ref) -> Ref(<<"vec@elsewhere">>, 7, [9, 8, 7]).

shuffle(L) -> [X || {_, X} <- lists:sort([{rand:uniform(), X} || X <- L])].

orders() ->
    All = shuffle(corpus()),
    Tagged = shuffle([{T} || T <- corpus()]),
    Nested = shuffle([[T, 1] || T <- corpus()]),
    AsMapValue = shuffle([#{k => T} || T <- corpus()]),
    Numbers = shuffle([N || N <- corpus(), is_number(N)] ++ [rand:uniform(1 bsl 70) - (1 bsl 69) || _ <- lists:seq(1, 100)] ++ [float(rand:uniform(1 bsl 70) - (1 bsl 69)) || _ <- lists:seq(1, 100)]),
    [record($O, [name(N), term_to_binary(L), term_to_binary(lists:sort(L))])
     || {N, L} <- [{"everything", All}, {"in tuples", Tagged}, {"in lists", Nested}, {"in maps", AsMapValue}, {"numbers", Numbers}]].

pairs() ->
    L = corpus(),
    M = << <<(relation(A, B))>> || A <- L, B <- L >>,
    [record($Q, [<<"corpus">>, term_to_binary(L), M])].

relation(A, B) when A =:= B -> $!;
relation(A, B) when A == B -> $=;
relation(A, B) when A < B -> $<;
relation(_, _) -> $>.
