//! The BEAM's half: functions, a server, a state machine and an agent, in plain Elixir.

/// Defines and starts them.
pub const SERVERS: &str = r#"
defmodule :cmp do
  use GenServer
  def value(x), do: x
  def fault(:throw, x), do: throw(x)
  def fault(:exit, x), do: exit(x)
  def fault(:error, x), do: :erlang.error(x)
  def hang(), do: Process.sleep(:infinity)
  def nap(ms) do Process.sleep(ms); :rested end
  def die(), do: Process.exit(self(), :kill)
  def init(state), do: {:ok, state}
  def handle_call({:echo, x}, _from, state), do: {:reply, x, state}
  def handle_call(:hang, _from, state), do: {:noreply, state}
  def handle_call({:stop, reason}, _from, state), do: {:stop, reason, state}
  def handle_cast({:set, x}, _state), do: {:noreply, x}
  def handle_info({pid, {:wrapped, wrapper, x}}, state) do
    send(pid, {wrapper, node(), {:got, x}})
    {:noreply, state}
  end
  def handle_info(_, state), do: {:noreply, state}
end
defmodule :stm do
  def callback_mode(), do: :handle_event_function
  def init(data), do: {:ok, :idle, data}
  def handle_event({:call, from}, {:echo, x}, _state, _data), do: {:keep_state_and_data, [{:reply, from, x}]}
  def handle_event({:call, _}, :hang, _state, _data), do: :keep_state_and_data
  def handle_event({:call, _}, {:stop, reason}, _state, _data), do: {:stop, reason}
  def handle_event(_, _, _, _), do: :keep_state_and_data
end
:logger.set_primary_config(:level, :none)
for name <- [:srv, :once1, :once2, :once3, :once4, :once5, :once6, :once7], do: {:ok, _} = GenServer.start(:cmp, :fresh, name: name)
for name <- [:stm, :stm1, :stm2], do: {:ok, _} = :gen_statem.start({:local, name}, :stm, :fresh, [])
{:ok, _} = Agent.start(fn -> 41 end, name: :agt)
:started
"#;
