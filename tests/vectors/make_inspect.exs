# Writes how Elixir's inspect/2 shows the terms of a vector file (see make_vectors.escript), and some of its own.
# Usage: elixir make_inspect.exs VECTORS.gz OUT.gz
# The file has the same record layout; the kinds are:
#   ?V  Version            of Elixir
#   ?I  Name Source Text   Source with 131, Text as inspect gives it without limits
[vectors, out] = System.argv()

defmodule Records do
  def parse(<<kind, count, rest::binary>>) do
    {fields, rest} = fields(count, rest, [])
    [{kind, fields} | parse(rest)]
  end

  def parse(<<>>), do: []

  defp fields(0, rest, acc), do: {Enum.reverse(acc), rest}
  defp fields(n, <<len::32, field::binary-size(len), rest::binary>>, acc), do: fields(n - 1, rest, [field | acc])

  def record(kind, fields), do: [kind, length(fields) | Enum.map(fields, &[<<byte_size(&1)::32>>, &1])]
end

own = [
  {"range", 1..3}, {"range step", 1..9//2}, {"range down", 3..1//-1}, {"mapset", MapSet.new([1, 2, :a])}, {"mapset empty", MapSet.new()},
  {"date", ~D[2024-02-09]}, {"date far", ~D[-0001-12-31]}, {"time", ~T[07:08:09]}, {"time us", ~T[07:08:09.001200]}, {"naive", ~N[2024-02-09 07:08:09.123]},
  {"utc", ~U[2024-02-09 07:08:09Z]}, {"utc us", ~U[2024-02-09 07:08:09.5Z]}, {"regex", ~r/ab+c/iu}, {"regex slash", ~r"a/b"}, {"version", Version.parse!("1.2.3-rc.1")}, {"uri", URI.parse("http://a.b/c?d")},
  {"runtime error", %RuntimeError{message: "boom"}}, {"argument error", %ArgumentError{}}, {"exit tuple", {:EXIT, self(), {%RuntimeError{message: "x"}, []}}},
  {"keyword", [a: 1, "b c": 2, C: 3, d?: 4]}, {"keyword kernel", [+: 1, "@": 2, nil: 3, true: 4, do: 5]}, {"nested keyword", [a: [b: [c: 1]]]}, {"map atoms", %{a: 1}}, {"map quoted", %{"a b": 1}}, {"map string", %{"a" => 1}}, {"map module", %{Kate => 1}}, {"map nil", %{nil => 1}}, {"map true", %{true: 1}}, {"map operator", %{+: 1}},
  {"map two", %{a: 1, b: 2}}, {"map mixed", %{:a => 1, "b" => 2}}, {"pid", self()}, {"ref in list", [make_ref()]},
  {"charlist", ~c"hello"}, {"charlist quote", ~c"say \"hi\" it's"}, {"charlist mixed", [~c"a", ~c"b", 1]}, {"charlist newline", ~c"a\nb"}, {"charlist interpolation", ~c"\#{x}"}, {"string interpolation", "\#{x} #x \#{"}, {"string escapes", "\a\b\t\n\v\f\r\e\0\d\\\""},
  {"capture", &String.upcase/1}, {"capture erlang", &:lists.map/2}, {"capture operator", &Kernel.+/2}, {"capture odd", Function.capture(:"a b", :"c d", 1)}, {"capture module quoted", Function.capture(:"Elixir.a", :foo?, 1)},
  {"tuple", {:ok, "x", ~c"y"}}, {"improper", [1, 2 | 3]}, {"improper keyword", [{:a, 1} | :b]}, {"bits", <<1, 2, 3::3>>}, {"bits text", <<"abc", 1::1>>}, {"unicode", "日本 é 😀"}, {"zero width", "a\u200Bb\u2028"}, {"bom", "\uFEFF"}, {"invalid", <<"ab", 255>>},
  {"module nested", Kate.Sub.Leaf}, {"module odd", :"Elixir.kate"}, {"module Elixir", Elixir}, {"module digit", :"Elixir.A1"}, {"module dots", :"Elixir.A..B"}, {"unknown struct", %{__struct__: Unknown.Thing, a: 1}}
]

operators = String.split(~S"""
! != !== % %{} & && &&& * ** + ++ +++ - -- --- -> . .. ..// / // : :: ; < <- <<< <<>> <<~ <= <> <|> <~ <~> = == === => =~ > >= >>> @ ^ ^^^ and catch do else end fn in not or rescue after when { {} | || ||| |> ~> ~>> ~~~ [] () // ... ? \
""")
own = own ++ for op <- operators, a = String.to_atom(op), {kind, t} <- [{"atom", a}, {"key", [{a, 1}]}, {"call", Function.capture(:m, a, 2)}], do: {"operator #{kind} #{op}", t}

File.write!(out, :zlib.gzip([Records.record(?V, [System.version()])] ++
  (for {?T, [name, source | _]} <- Records.parse(:zlib.gunzip(File.read!(vectors))), byte_size(source) < 1500 do
    Records.record(?I, [name, source, inspect(:erlang.binary_to_term(source), limit: :infinity, printable_limit: :infinity)])
  end) ++
  (for {name, term} <- own do
    Records.record(?I, ["elixir " <> name, :erlang.term_to_binary(term), inspect(term, limit: :infinity, printable_limit: :infinity)])
  end)))
