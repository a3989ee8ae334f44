# The measuring side: one Elixir node asks every server the same things. client.exs ROUNDS KIND=NODE ...
# In each round every row is asked of all servers in turns, so that what disturbs the machine disturbs neighbours alike.
# Lines `ROW KIND VALUE CALLS` go out; `call KIND` and `erpc KIND` ask for 10,000 calls that nobody answers, and say when they have arrived.
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

  def call(node, i), do: ^i = GenServer.call({:server, node}, i, 60_000)
  def work(node, _), do: {:work, 50} = GenServer.call({:server, node}, {:work, 50}, 60_000)
  def wait(node, _), do: {:wait, 1} = GenServer.call({:server, node}, {:wait, 1}, 60_000)
  def erpc(node, i), do: ^i = :erpc.call(node, Work, :echo, [i], 60_000)
  def task(node, i), do: ^i = Task.Supervisor.async({:tasks, node}, Work, :echo, [i]) |> Task.await(60_000)

  def rows do
    [
      call_us: {&median/2, &call/2, 500}, call_rate: {&rate/2, &call/2, 6_400},
      erpc_us: {&median/2, &erpc/2, 300}, erpc_rate: {&rate/2, &erpc/2, 6_400},
      task_us: {&median/2, &task/2, 200}, task_rate: {&rate/2, &task/2, 3_200},
      work_rate: {&rate/2, &work/2, 1_600}, wait_rate: {&rate/2, &wait/2, 128}
    ]
  end

  # The first calls of a turn are not counted: a server that was idle has to wake up.
  def measure({how, what, n}, node) do
    for i <- 1..30, do: what.(node, i)
    how.(fn i -> what.(node, i) end, n)
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
for {kind, node} <- servers do
  for {_, {_, what, n}} <- Client.rows(), do: Client.measure({&Client.median/2, what, n}, node)
  IO.puts("warm #{kind} 0 0")
end
for round <- 1..String.to_integer(rounds), {row, work} <- Client.rows() do
  {last, first} = Enum.split(servers, rem(round, length(servers)))
  for {kind, node} <- first ++ last, do: IO.puts("#{row} #{kind} #{Client.measure(work, node)} #{elem(work, 2) + 30}")
end
IO.puts("measured - 0 0")
for line <- IO.stream(:stdio, :line) do
  [what, kind] = String.split(line)
  spawn(fn -> Client.keep(Map.new(servers)[kind], String.to_atom(what), 10_000); IO.puts("kept #{kind} 0 0"); Process.sleep(:infinity) end)
end
