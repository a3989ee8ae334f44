# The measuring side: one Elixir node asks every server the same things, in turns. client.exs ROUNDS KIND=NODE ...
# Lines `KEY KIND VALUE` go out; `keep KIND` asks for 10,000 calls that nobody answers, and says when they have arrived.
defmodule Client do
  def median(fun, n) do
    for(i <- 1..n, do: time(fn -> fun.(i) end)) |> Enum.sort() |> Enum.at(div(n, 2)) |> Kernel./(1000)
  end

  def rate(fun, n) do
    took = time(fn ->
      for(_ <- 1..64, do: Task.async(fn -> for(i <- 1..div(n, 64), do: fun.(i)) end)) |> Task.await_many(120_000)
    end)
    n * 1.0e9 / took
  end

  def time(fun) do
    start = :erlang.monotonic_time(:nanosecond)
    fun.()
    :erlang.monotonic_time(:nanosecond) - start
  end

  def measure(node) do
    call = fn i -> ^i = GenServer.call({:server, node}, i, 60_000) end
    erpc = fn i -> ^i = :erpc.call(node, Work, :echo, [i], 60_000) end
    task = fn i -> ^i = Task.Supervisor.async({:tasks, node}, Work, :echo, [i]) |> Task.await(60_000) end
    for fun <- [call, erpc, task], do: median(fun, 300)
    [
      call_us: median(call, 2000), call_rate: rate(call, 25_600),
      erpc_us: median(erpc, 1000), erpc_rate: rate(erpc, 12_800),
      task_us: median(task, 500), task_rate: rate(task, 6_400)
    ]
  end

  def keep(node, :call, n) do
    for _ <- 1..n, do: :gen_server.send_request({:server, node}, :keep)
    GenServer.call({:server, node}, 0, 60_000)
  end

  def keep(node, :erpc, n) do
    for _ <- 1..n, do: :erpc.send_request(node, Work, :keep, [0])
    :erpc.call(node, Work, :echo, [0], 60_000)
  end
end

[rounds | servers] = System.argv()
servers = for server <- servers, [kind, node] = String.split(server, "="), do: {kind, String.to_atom(node)}
for _ <- 1..String.to_integer(rounds), {kind, node} <- servers, {key, value} <- Client.measure(node) do
  IO.puts("#{key} #{kind} #{value}")
end
IO.puts("measured - 0")
for line <- IO.stream(:stdio, :line) do
  [what, kind] = String.split(line)
  spawn(fn -> Client.keep(Map.new(servers)[kind], String.to_atom(what), 10_000); IO.puts("kept #{kind} 0"); Process.sleep(:infinity) end)
end
