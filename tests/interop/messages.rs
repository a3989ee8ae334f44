//! Scenario 5: messages to pids, names and aliases, from processes and threads, from one byte to 256 MB.

use std::sync::Arc;

use erlnode::term::{Atom, Pid, Term, Writer};
use erlnode::{Mailbox, Node, Target};

use crate::support::ours::{encoded, mailbox, next, next_text, registered, start};
use crate::support::{Beam, Cluster, PATIENCE};

const ALEX: &str = "alex@localhost";

/// On the BEAM: `echo` answers `{From, Message}` with `Message`.
const ECHO: &str =
    "register(echo, spawn(fun Loop() -> receive {From, Message} -> From ! Message, Loop() end end))";

fn at(name: &str, node: &str) -> Target {
    Target::NameNode(Atom::new(name).unwrap(), Atom::new(node).unwrap())
}

/// Sends `text` to `target`.
fn send(mailbox: &Mailbox, target: &Target, text: &str) {
    mailbox.send(target, &encoded(text), Some(PATIENCE)).unwrap();
}

/// `{Pid, Message}`, encoded, with a message that is encoded already.
fn with_sender(pid: &Pid, message: &[u8]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.tuple(2).pid(pid).raw(message);
    writer.finish().unwrap()
}

fn pair(cluster: &Cluster) -> (Beam, Node) {
    (cluster.beam("alex"), cluster.node("ours"))
}

#[test]
fn every_kind_of_term_comes_back_from_a_beam_as_it_went() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    alex.erlang(ECHO);
    let me = mailbox(&ours);
    for text in [
        "1",
        "-1",
        "256",
        "-2147483649",
        "9223372036854775808",
        "-123456789012345678901234567890",
        "1.5",
        "atom",
        "'größe'",
        "[]",
        "[1,2,3]",
        "[1|2]",
        "\"text\"",
        "{}",
        "{a,{b,[c]}}",
        "<<>>",
        "<<1,2,3>>",
        "<<5:3>>",
        "#{}",
        "#{a => 1,b => [2]}",
        "[{k,<<\"v\">>}]",
        "fun lists:map/2",
    ] {
        let message = with_sender(&me.pid(), &encoded(text));
        me.send(&at("echo", ALEX), &message, Some(PATIENCE)).unwrap();
        assert_eq!(next(&me).term().unwrap(), Term::parse(text).unwrap(), "{text}");
    }
}

#[test]
fn ids_of_both_sides_survive_the_way_there_and_back() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    alex.erlang(ECHO);
    let me = mailbox(&ours);
    let mut writer = Writer::new();
    writer.tuple(2).pid(&me.pid()).tuple(2).pid(&me.pid()).reference(&ours.make_ref());
    me.send(&at("echo", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    let message = next(&me);
    let mut reader = message.reader();
    assert_eq!(reader.tuple(), Some(2));
    assert_eq!(reader.pid(), Some(me.pid()));
    assert!(reader.reference().is_some_and(|reference| reference.node() == &ours.name()));
    // And one of theirs: we answer the pid that a message brought.
    let door = registered(&ours, "door");
    alex.elixir("send({:door, :ours@localhost}, self())");
    let theirs = next(&door).reader().pid().unwrap();
    send(&door, &Target::Pid(theirs), "{got,it}");
    assert_eq!(alex.elixir("receive do message -> message end"), "{:got, :it}");
}

#[test]
fn a_beam_reaches_us_by_pid_by_name_and_by_alias() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let door = registered(&ours, "door");
    alex.elixir("Process.register(self(), :alex)");
    let alias = door.alias();
    let mut writer = Writer::new();
    writer.tuple(2).pid(&door.pid()).reference(&alias);
    door.send(&at("alex", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir(
        "receive do {pid, ref} ->
           send(pid, :by_pid); send({:door, :ours@localhost}, :by_name); :erlang.send(ref, :by_alias)
         end",
    );
    let mut seen = [next_text(&door), next_text(&door), next_text(&door)];
    seen.sort();
    assert_eq!(seen, ["by_alias", "by_name", "by_pid"]);
    assert!(door.unalias(&alias));
}

#[test]
fn we_reach_a_beam_by_pid_by_name_and_by_alias() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let door = registered(&ours, "door");
    alex.elixir("Process.register(self(), :alex)");
    alex.elixir("send({:door, :ours@localhost}, {self(), :erlang.alias()})");
    let message = next(&door);
    let mut reader = message.reader();
    reader.tuple();
    let pid = reader.pid().unwrap();
    let alias = reader.reference().unwrap();
    send(&door, &Target::Pid(pid), "by_pid");
    send(&door, &at("alex", ALEX), "by_name");
    send(&door, &Target::Alias(alias), "by_alias");
    assert_eq!(
        alex.elixir("Enum.sort(for _ <- 1..3 do receive do message -> message end end)"),
        "[:by_alias, :by_name, :by_pid]"
    );
}

/// Priority came with OTP 28. To an older peer it is an ordinary message, and an exit signal is refused with the reason.
#[test]
fn priority_goes_before_ordinary_messages_where_the_release_knows_it() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let door = registered(&ours, "door");
    door.set_trap_exit(true);
    alex.elixir("Process.register(self(), :alex)");
    let knows = alex.elixir("List.to_integer(:erlang.system_info(:otp_release)) >= 28") == "true";
    let options = if knows { "[:priority]" } else { "[]" };
    alex.elixir(&format!(
        "Process.flag(:trap_exit, true); send({{:door, :ours@localhost}}, :erlang.alias({options}))"
    ));
    let theirs = next(&door).reader().reference().unwrap();
    for word in ["one", "two"] {
        send(&door, &at("alex", ALEX), word);
    }
    send(&door, &Target::PriorityAlias(theirs.clone()), "urgent");
    let receive = "receive do message -> message end";
    // They are all there before the first is taken.
    let settle = "(fn wait -> case Process.info(self(), :message_queue_len) do
                    {_, 3} -> :ok
                    _ -> Process.sleep(5); wait.(wait)
                  end end)";
    alex.elixir(&format!("wait = {settle}; wait.(wait)"));
    let seen = alex.elixir(&format!("for _ <- 1..3 do {receive} end"));
    let exit = door.exit_priority(&theirs, b"w\x04stop");
    if !knows {
        assert_eq!(seen, "[:one, :two, :urgent]");
        assert!(matches!(exit, Err(erlnode::Error::Unsupported(_))), "{exit:?}");
        return;
    }
    assert_eq!(seen, "[:urgent, :one, :two]");
    exit.unwrap();
    assert!(alex.elixir(receive).starts_with("{:EXIT, "));
    // And from there to us: only an alias made for it lets priority through.
    let (urgent, ordinary) = (door.priority_alias(), door.alias());
    let mut writer = Writer::new();
    writer.tuple(2).reference(&urgent).reference(&ordinary);
    door.send(&at("alex", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir(
        "receive do {urgent, ordinary} ->
           door = {:door, :ours@localhost}
           send(door, :one)
           :erlang.send(ordinary, :two, [:priority])
           :erlang.send(urgent, :three)
           :erlang.send(urgent, :first, [:priority])
           :erlang.exit(urgent, :second, [:priority])
           send(door, :last)
         end",
    );
    let _all_there = door.recv_reply(&ordinary, Some(PATIENCE)).unwrap();
    while door.len() < 5 {
        std::thread::yield_now();
    }
    let seen: Vec<String> = (0..5).map(|_| next_text(&door)).collect();
    assert_eq!(seen[0], "first");
    assert!(seen[1].starts_with("{'EXIT',") && seen[1].ends_with(",second}"), "{seen:?}");
    assert_eq!(seen[2..], ["one", "three", "last"]);
}

/// What the two sides of a link or monitor see first, of a BEAM and of ours, whoever asks with `[priority]`.
#[test]
fn the_end_of_a_process_watched_with_priority_goes_before_ordinary_messages() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let door = registered(&ours, "door");
    door.set_trap_exit(true);
    // Ours watches a process there: works with every release, for the option stays here.
    let mut watched = || {
        alex.elixir(
            "pid = spawn(fn -> receive do {:end, from} -> send(from, :ordinary); exit(:boom) end end)
             send({:door, :ours@localhost}, pid)",
        );
        next(&door).reader().pid().unwrap()
    };
    for priority in [true, false] {
        let pid = watched();
        match priority {
            true => {
                door.monitor_priority(&Target::from(&pid), None).unwrap();
                door.link_priority(&pid).unwrap();
            }
            false => {
                door.monitor(&Target::from(&pid)).unwrap();
                door.link_priority(&pid).unwrap();
                door.link(&pid).unwrap();
            }
        }
        let mut writer = Writer::new();
        writer.tuple(2).atom("end").pid(&door.pid());
        door.send(&Target::from(&pid), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        while door.len() < 3 {
            std::thread::yield_now();
        }
        let seen: Vec<String> = (0..3).map(|_| next_text(&door)).collect();
        assert_eq!(seen.iter().position(|text| text == "ordinary"), Some(if priority { 2 } else { 0 }));
    }
    // A BEAM watches one of ours.
    if alex.elixir("List.to_integer(:erlang.system_info(:otp_release)) >= 28") != "true" {
        return;
    }
    let there = registered(&ours, "there");
    alex.elixir("Process.register(self(), :alex); Process.flag(:trap_exit, true)");
    let mut writer = Writer::new();
    writer.pid(&there.pid());
    there.send(&at("alex", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    alex.elixir(
        "there = receive do pid -> pid end
         :erlang.monitor(:process, there, [:priority])
         :erlang.link(there, [:priority])
         send(there, :watched)",
    );
    assert_eq!(next_text(&there), "watched");
    send(&there, &at("alex", ALEX), "ordinary");
    there.close(b"w\x04boom").unwrap();
    alex.elixir(
        "wait = fn wait -> case Process.info(self(), :message_queue_len) do
           {_, 3} -> :ok
           _ -> Process.sleep(5); wait.(wait)
         end end
         wait.(wait)",
    );
    let seen = alex.elixir("for _ <- 1..3 do receive do message -> message end end");
    assert!(seen.ends_with(", :ordinary]"), "{seen}");
}

#[test]
fn a_message_to_nobody_is_dropped_and_harms_nobody() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let me = registered(&ours, "door");
    send(&me, &at("nobody", ALEX), "lost");
    alex.elixir("send({:nobody, :ours@localhost}, :lost); send({:door, :ours@localhost}, :kept)");
    assert_eq!(next_text(&me), "kept");
}

/// Sizes around everything that changes with size: the fragment border, a read buffer, and up to 256 MB.
#[test]
fn binaries_of_every_size_go_both_ways() {
    let cluster = Cluster::new();
    let mut alex = cluster.beam("alex");
    let ours = start(cluster.config("ours").max_message(512 << 20).mailbox_bytes(1 << 30));
    let door = registered(&ours, "door");
    alex.elixir("Process.register(self(), :alex)");
    for size in [1, 63, 64, 65_500, 65_536, 65_537, 1 << 20, (1 << 20) + 7, 64 << 20, 256 << 20] {
        let data = pattern(size);
        let mut writer = Writer::with_capacity(size + 16);
        writer.binary(&data);
        door.send(&at("alex", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        let sum = alex.elixir(
            "receive do data -> send({:door, :ours@localhost}, data); {byte_size(data), :erlang.adler32(data)} end",
        );
        assert_eq!(sum, format!("{{{size}, {}}}", adler32(&data)));
        let back = next(&door);
        assert!(back.reader().binary() == Some(&data[..]), "{size} bytes come back changed");
    }
}

/// Eight threads send at once: each one's messages arrive complete and in order.
#[test]
fn many_threads_may_send_at_once() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 5_000;
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    alex.erlang("register(alex, self())");
    ours.connect(ALEX, Some(PATIENCE)).unwrap();
    let ours = Arc::new(ours);
    let senders: Vec<_> = (0..THREADS)
        .map(|thread| {
            let ours = ours.clone();
            std::thread::spawn(move || {
                let mailbox = mailbox(&ours);
                let mut writer = Writer::new();
                for number in 0..MESSAGES {
                    writer.clear();
                    writer.tuple(2).i64(thread as i64).i64(number as i64);
                    let message = std::mem::take(&mut writer).finish().unwrap();
                    mailbox.send(&at("alex", ALEX), &message, Some(PATIENCE)).unwrap();
                }
            })
        })
        .collect();
    // The next number of each thread is counted; the first gap or exchange ends it with a badmatch.
    let counted = alex.erlang(&format!(
        "F = fun F(Seen, 0) -> lists:sort(maps:values(Seen));
                 F(Seen, N) -> receive {{T, I}} -> I = maps:get(T, Seen, 0), F(Seen#{{T => I + 1}}, N - 1) end
         end, F(#{{}}, {})",
        THREADS * MESSAGES
    ));
    for sender in senders {
        sender.join().unwrap();
    }
    assert_eq!(counted, format!("[{}]", vec![MESSAGES.to_string(); THREADS].join(",")));
}

#[test]
fn a_flood_from_a_beam_arrives_complete_and_in_order() {
    const MESSAGES: usize = 100_000;
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    let door = registered(&ours, "door");
    alex.begin("elixir", &format!("for n <- 1..{MESSAGES}, do: send({{:door, :ours@localhost}}, n); :done"));
    for number in 1..=MESSAGES {
        assert_eq!(next(&door).reader().i64(), Some(number as i64));
    }
    assert_eq!(alex.finish(), ":done");
}

#[test]
fn a_reply_is_found_behind_other_messages() {
    let cluster = Cluster::new();
    let (mut alex, ours) = pair(&cluster);
    alex.erlang(
        "register(server, spawn(fun Loop() -> receive {From, Ref} ->
             From ! first, From ! {Ref, answer}, Loop() end end))",
    );
    let me = mailbox(&ours);
    let reference = ours.make_ref();
    let mut writer = Writer::new();
    writer.tuple(2).pid(&me.pid()).reference(&reference);
    me.send(&at("server", ALEX), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    let reply = me.recv_reply(&reference, Some(PATIENCE)).unwrap();
    assert!(reply.term().unwrap().to_string().ends_with(",answer}"));
    assert_eq!(next_text(&me), "first");
}

#[test]
fn two_nodes_of_ours_need_neither_beam_nor_epmd() {
    let cluster = Cluster::without_epmd();
    let (kate, ours) = (cluster.node("kate"), cluster.node("ours"));
    assert!(kate.serves_epmd() && !ours.serves_epmd());
    let (there, here) = (registered(&kate, "door"), mailbox(&ours));
    send(&here, &at("door", "kate@localhost"), "{hello,[1,2,3]}");
    let message = next(&there);
    assert_eq!(message.term().unwrap().to_string(), "{hello,[1,2,3]}");
    assert!(kate.ping("ours@localhost", Some(PATIENCE)).unwrap());
}

fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|index| (index.wrapping_mul(31) >> 3) as u8).collect()
}

/// The checksum of `erlang:adler32/1`.
fn adler32(data: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (mut low, mut high) = (1u32, 0u32);
    // So many bytes at a time cannot overflow 32 bits.
    for chunk in data.chunks(5_552) {
        for byte in chunk {
            low += u32::from(*byte);
            high += low;
        }
        low %= BASE;
        high %= BASE;
    }
    high << 16 | low
}
