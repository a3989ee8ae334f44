# What the benchmark's client calls, on a BEAM.
defmodule Work do
  def echo(x), do: x
  def keep(_), do: Process.sleep(:infinity)
end

defmodule Server do
  use GenServer
  def init(x), do: {:ok, x}
  def handle_call(:keep, _from, state), do: {:noreply, state}
  def handle_call({:work, us} = x, _from, state), do: {:reply, busy(x, System.monotonic_time(:microsecond) + us), state}
  def handle_call({:wait, ms} = x, _from, state), do: {:reply, Process.sleep(ms) && x, state}
  def handle_call(x, _from, state), do: {:reply, x, state}

  defp busy(x, until), do: if(System.monotonic_time(:microsecond) < until, do: busy(x, until), else: x)
end

{:ok, _} = GenServer.start_link(Server, 0, name: :server)
{:ok, _} = Task.Supervisor.start_link(name: :tasks)
IO.puts("ready")
Process.sleep(:infinity)
