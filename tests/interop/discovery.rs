//! Finding and being found by BEAMs: at epmd, and by heartbeats in libcluster's form, which the BEAM makes with its own
//! crypto and UDP. libcluster itself is a package that these tests do without. All of it stays on loopback.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};

use erlnode::discovery::{EpmdSweep, Gossip};
use erlnode::{MonitorNodes, Node};

use crate::support::ours::{mailbox, next_text};
use crate::support::{Beam, Cluster};

/// Sends, receives and reads heartbeats.
const GOSSIP: &str = r#"
defmodule Heart do
  def open(port) do
    group = {233, 252, 1, 32}
    {:ok, socket} =
      :gen_udp.open(port, [:binary, active: true, reuseaddr: true, multicast_loop: true, multicast_if: {127, 0, 0, 1},
        add_membership: {group, {127, 0, 0, 1}}])
    {socket, group, port}
  end

  def beat({socket, group, port}, secret) do
    plain = "heartbeat::" <> :erlang.term_to_binary(%{node: node()})
    :ok = :gen_udp.send(socket, group, port, seal(plain, secret))
  end

  # The name in the first heartbeat of somebody else.
  def hear(heart, secret) do
    receive do
      {:udp, _, _, _, packet} ->
        with "heartbeat::" <> term <- unseal(packet, secret), %{node: name} when name != node() <- :erlang.binary_to_term(term) do
          name
        else
          _ -> hear(heart, secret)
        end
    end
  end

  defp seal(plain, nil), do: plain

  defp seal(plain, secret) do
    iv = :crypto.strong_rand_bytes(16)
    left = 16 - rem(byte_size(plain), 16)
    padded = plain <> :binary.copy(<<left>>, left)
    iv <> :crypto.crypto_one_time(:aes_256_cbc, :crypto.hash(:sha256, secret), iv, padded, true)
  end

  defp unseal(packet, nil), do: packet

  defp unseal(<<iv::binary-16, text::binary>>, secret) do
    plain = :crypto.crypto_one_time(:aes_256_cbc, :crypto.hash(:sha256, secret), iv, text, false)
    binary_part(plain, 0, byte_size(plain) - :binary.last(plain))
  end
end
"#;

fn group() -> SocketAddrV4 {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    SocketAddrV4::new(Ipv4Addr::new(233, 252, 1, 32), free)
}

fn gossip(group: SocketAddrV4, secret: Option<&str>) -> Gossip {
    let gossip = Gossip::new().group(group).interface(Ipv4Addr::LOCALHOST);
    match secret {
        Some(secret) => gossip.secret(secret),
        None => gossip,
    }
}

fn quoted(secret: Option<&str>) -> String {
    secret.map_or("nil".to_owned(), |secret| format!("{secret:?}"))
}

fn heartbeats_are_understood_both_ways(secret: Option<&str>) {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    beam.elixir(GOSSIP);
    let (group, text) = (group(), quoted(secret));
    beam.elixir(&format!("heart = Heart.open({})", group.port()));
    // We hear the BEAM and call it.
    let listener = cluster.node("listener");
    let events = mailbox(&listener);
    events.monitor_nodes(MonitorNodes::default());
    listener.discover(gossip(group, secret)).unwrap();
    // Whether the listener listens already is not known: hearts beat more than once.
    beam.elixir(&format!(
        "beats = spawn(fn -> for _ <- 1..2000 do Heart.beat(heart, {text}); :timer.sleep(10) end end)"
    ));
    assert_eq!(next_text(&events), "{nodeup,alex@localhost}");
    beam.elixir("Process.exit(beats, :kill)");
    // The BEAM hears us and calls.
    let announcer = cluster.node("announcer");
    announcer.discover(gossip(group, secret).announce(true)).unwrap();
    assert_eq!(beam.elixir(&format!("Heart.hear(heart, {text})")), ":announcer@localhost");
    assert_eq!(beam.elixir("Node.connect(:announcer@localhost)"), "true");
}

#[test]
fn plain_heartbeats_are_understood_both_ways() {
    heartbeats_are_understood_both_ways(None);
}

#[test]
fn secret_heartbeats_are_understood_both_ways() {
    heartbeats_are_understood_both_ways(Some("the secret of all"));
}

fn names_at_epmd(beam: &mut Beam) -> String {
    beam.elixir("{:ok, names} = :erl_epmd.names(:localhost); names |> Enum.map(&List.to_atom(elem(&1, 0))) |> Enum.sort()")
}

#[test]
fn a_sweep_finds_beams_and_beams_that_sweep_find_us() {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    let ours: Node = cluster.node("ours");
    let events = mailbox(&ours);
    events.monitor_nodes(MonitorNodes::default());
    assert_eq!(names_at_epmd(&mut beam), "[:alex, :ours]");
    ours.discover(EpmdSweep::new(["localhost"]).unwrap()).unwrap();
    assert_eq!(next_text(&events), "{nodeup,alex@localhost}");
    assert_eq!(beam.elixir("Node.list(:hidden)"), "[:ours@localhost]", "hidden unless asked");
}
