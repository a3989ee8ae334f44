# A stand-in for Phoenix.PubSub 2.x with its PG2 adapter: phoenix_pubsub itself is a package that these tests do without.
# It puts the same messages on the wire under the same names: workers registered as `NAME.Adapter`, `NAME.Adapter_2`, ...,
# joined to groups of those names in the pg scope `Phoenix.PubSub`, that hand `{:forward_to_local, topic, message,
# dispatcher}` to the dispatcher, and crash if there is no such module.

defmodule Phoenix.PubSub do
  def dispatch(subscribers, from, message) do
    for {pid, _} <- subscribers, pid != from, do: send(pid, message)
  end
end

# What channels have: it sends something else to those who listen.
defmodule Phoenix.Channel.Server do
  def dispatch(subscribers, _from, message) do
    for {pid, _} <- subscribers, do: send(pid, {:channel, message})
  end
end

defmodule StandIn do
  def start(name, pool) do
    # Everything belongs to a process of its own, so that a crash under test ends nothing else.
    parent = self()
    spawn(fn ->
      Process.flag(:trap_exit, true)
      {:ok, _} = Registry.start_link(keys: :duplicate, name: name)
      {:ok, _} = :pg.start_link(Phoenix.PubSub)
      workers = for group <- groups(name, pool), do: {worker(name, group), group}
      send(parent, :started)
      supervise(name, Map.new(workers))
    end)
    receive do: (:started -> :ok)
  end

  def subscribe(name, topic), do: ({:ok, _} = Registry.register(name, topic, nil); :ok)

  def broadcast(name, pool, topic, message, dispatcher \\ Phoenix.PubSub) do
    group = Enum.at(groups(name, pool), :erlang.phash2(self(), pool))
    for pid <- :pg.get_members(Phoenix.PubSub, group), node(pid) != node() do
      send(pid, {:forward_to_local, topic, message, dispatcher})
    end
    local(name, topic, message, dispatcher)
  end

  def direct(name, node, topic, message) do
    send({hd(groups(name, 1)), node}, {:forward_to_local, topic, message, Phoenix.PubSub})
    :ok
  end

  # Waits until `count` nodes have a first worker.
  def await(name, count) do
    {ref, members} = :pg.monitor(Phoenix.PubSub, hd(groups(name, 1)))
    await_more(ref, length(members), count)
  end

  defp await_more(ref, have, want) when have >= want, do: :pg.demonitor(Phoenix.PubSub, ref)

  defp await_more(ref, have, want) do
    receive do
      {^ref, :join, _, pids} -> await_more(ref, have + length(pids), want)
      {^ref, :leave, _, pids} -> await_more(ref, have - length(pids), want)
    end
  end

  defp supervise(name, workers) do
    receive do
      {:EXIT, pid, _} ->
        {group, others} = Map.pop(workers, pid)
        supervise(name, if(group, do: Map.put(others, worker(name, group), group), else: others))
    end
  end

  defp worker(name, group) do
    parent = self()
    pid =
      spawn_link(fn ->
        Process.register(self(), group)
        :ok = :pg.join(Phoenix.PubSub, group, self())
        send(parent, {:joined, self()})
        serve(name)
      end)
    receive do: ({:joined, ^pid} -> pid)
  end

  defp serve(name) do
    receive do
      {:forward_to_local, topic, message, dispatcher} -> local(name, topic, message, dispatcher)
      _ -> :ignored
    end
    serve(name)
  end

  defp local(name, topic, message, dispatcher) do
    Registry.dispatch(name, topic, {dispatcher, :dispatch, [:none, message]})
    :ok
  end

  defp groups(name, pool) do
    first = Module.concat(name, "Adapter")
    [first | for(number <- 2..pool//1, do: :"#{first}_#{number}")]
  end
end
