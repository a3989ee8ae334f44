//! Big and many: fragments, the atom cache, messages of 256 MB, senders that are killed, and small talk beside big talk.

use std::time::{Duration, Instant};

use erlnode::term::{Kind, Writer};
use erlnode::{Error, MailboxOptions, MessageKind, Target};

use crate::links::{puppet, settle, Random};
use crate::support::ours::{encoded, mailbox, next, next_text, registered, start};
use crate::support::{Cluster, PATIENCE};

const ALEX: &str = "alex@localhost";

fn alex() -> Target {
    Target::name_node("alex", ALEX).unwrap()
}

/// Thousands of different atoms collide in the 2,048 slots of the cache; each must arrive as it was sent, both ways.
#[test]
fn atoms_that_collide_in_the_cache_stay_what_they_are() {
    const ATOMS: usize = 10_000;
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    beam.erlang(
        "register(alex, spawn(fun Loop() -> receive {P, N, L} -> P ! {N, L, [{binary_to_atom(<<\"x\", (integer_to_binary(I))/binary>>), I} || I <- N]}, Loop() end end))",
    );
    let mut random = Random(7);
    for _ in 0..ATOMS / 50 {
        let numbers: Vec<usize> = (0..50).map(|_| random.below(ATOMS)).collect();
        let mut writer = Writer::new();
        writer.tuple(3).pid(&door.pid()).list(50);
        for number in &numbers {
            writer.i64(*number as i64);
        }
        writer.nil().list(50);
        for number in &numbers {
            writer.tuple(2).atom(&format!("atom_{number}")).i64(*number as i64);
        }
        writer.nil();
        door.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        let message = next(&door);
        let mut reader = message.reader();
        assert_eq!((reader.tuple(), reader.kind()), (Some(3), Some(Kind::List)));
        assert!(reader.skip());
        for prefix in ["atom_", "x"] {
            assert_eq!(reader.list(), Some(50));
            for number in &numbers {
                assert_eq!(reader.tuple(), Some(2));
                assert_eq!(reader.atom().as_deref(), Some(&*format!("{prefix}{number}")));
                assert_eq!(reader.i64(), Some(*number as i64));
            }
            assert!(reader.nil());
        }
    }
    // More atoms in one message than a packet can name, and the longest there are.
    let many: Vec<String> = (0..400).map(|number| format!("{number:a>255}")).collect();
    let mut writer = Writer::new();
    writer.tuple(3).pid(&door.pid()).nil().list(400);
    for atom in &many {
        writer.atom(atom);
    }
    writer.nil();
    door.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
    let back = next(&door);
    let mut reader = back.reader();
    assert!(reader.tuple_of(3) && reader.skip() && reader.list() == Some(400));
    for atom in &many {
        assert_eq!(reader.atom().as_deref(), Some(atom.as_str()));
    }
}

/// Senders of big messages are killed while they send: whole messages arrive or none, and nothing after the end.
#[test]
fn a_big_message_of_a_killed_sender_arrives_whole_or_not_at_all() {
    const SIZE: usize = 8 << 20;
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let door = registered(&ours, "door");
    beam.begin(
        "erlang",
        "Data = binary:copy(<<7>>, 8388608),
         [begin
            {P, R} = spawn_monitor(fun() -> {door, ours@localhost} ! {self(), Data}, {door, ours@localhost} ! {self(), small}, exit(done) end),
            erlang:yield(), exit(P, kill),
            receive {'DOWN', R, _, _, _} -> ok end
          end || _ <- lists:seq(1, 30)],
         {door, ours@localhost} ! finished, ok",
    );
    let mut whole = 0;
    loop {
        let message = next(&door);
        let mut reader = message.reader();
        if reader.atom_is("finished") {
            break;
        }
        assert_eq!(reader.tuple(), Some(2));
        assert!(reader.pid().is_some());
        if let Some(data) = reader.binary() {
            assert!(data.len() == SIZE && data.iter().all(|byte| *byte == 7));
            whole += 1;
        } else {
            assert!(reader.atom_is("small"));
        }
    }
    assert_eq!(beam.finish(), "ok");
    eprintln!("{whole} of 30 big messages were complete when their sender was killed");
}

/// The same with senders of ours: the mailbox is closed by one thread while another sends.
#[test]
fn the_end_of_our_mailbox_never_overtakes_its_big_message() {
    const SIZE: usize = 4 << 20;
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    beam.elixir("Process.register(self(), :alex)");
    let rounds = 12;
    beam.begin(
        "elixir",
        &format!(
            "for _ <- 1..{rounds} do
               receive do pid when is_pid(pid) -> (ref = Process.monitor(pid); send(pid, :watched)) end
               first = receive do message -> message end
               case first do
                 data when is_binary(data) ->
                   {SIZE} = byte_size(data)
                   receive do {{:DOWN, _, :process, _, :over}} -> :whole end
                 {{:DOWN, _, :process, _, :over}} -> :none
               end
             end |> Enum.uniq() |> Enum.all?(&(&1 in [:whole, :none]))"
        ),
    );
    let mut data = Writer::with_capacity(SIZE + 5);
    data.binary(&vec![7; SIZE]);
    let data = data.finish().unwrap();
    for _ in 0..rounds {
        let me = mailbox(&ours);
        let mut writer = Writer::new();
        writer.pid(&me.pid());
        me.send(&alex(), &writer.finish().unwrap(), Some(PATIENCE)).unwrap();
        assert_eq!(next_text(&me), "watched");
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| me.send(&alex(), &data, Some(PATIENCE)));
            me.close(&encoded("over")).unwrap();
            let sent = sender.join().unwrap();
            assert!(matches!(sent, Ok(()) | Err(Error::Closed(_))), "{sent:?}");
        });
    }
    assert_eq!(beam.finish(), "true");
}

/// Small exchanges go on while hundreds of megabytes travel the same connection, both ways.
#[test]
fn small_talk_goes_on_beside_big_messages() {
    const BIG: usize = 64 << 20;
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    let ours = start(cluster.config("ours").mailbox_bytes(1 << 30));
    let door = registered(&ours, "door");
    beam.erlang("register(alex, spawn(fun Loop() -> receive B when is_binary(B) -> Loop() end end))");
    let puppet = puppet(&mut beam, &door);
    let me = mailbox(&ours);
    settle(&me, &puppet);
    let mut data = Writer::with_capacity(BIG + 5);
    data.binary(&vec![7; BIG]);
    let data = data.finish().unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (mut exchanges, mut worst) = (0, Duration::ZERO);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let sender = mailbox(&ours);
            for _ in 0..4 {
                sender.send(&alex(), &data, Some(PATIENCE)).unwrap();
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let began = Instant::now();
            settle(&me, &puppet);
            worst = worst.max(began.elapsed());
            exchanges += 1;
        }
    });
    eprintln!("{exchanges} exchanges beside 256 MB, the slowest took {worst:?}");
    assert!(exchanges > 3, "{exchanges} exchanges");
    assert!(worst < Duration::from_secs(5), "{worst:?}");
}

/// A slow mailbox pauses the connection, is emptied, and everything arrives: no message and no wake-up is lost.
#[test]
fn a_mailbox_that_is_full_stops_the_reader_and_loses_nothing() {
    const MESSAGES: usize = 5_000;
    let cluster = Cluster::new();
    let (mut beam, ours) = (cluster.beam("alex"), cluster.node("ours"));
    let options = MailboxOptions { max_count: 16, ..MailboxOptions::default() };
    let door = ours.mailbox(options).unwrap();
    door.register("door").unwrap();
    beam.begin(
        "elixir",
        &format!("for n <- 1..{MESSAGES}, do: send({{:door, :ours@localhost}}, {{n, :binary.copy(<<1>>, 200)}}); :done"),
    );
    for number in 1..=MESSAGES {
        let message = next(&door);
        let mut reader = message.reader();
        assert!(reader.tuple_of(2));
        assert_eq!(reader.i64(), Some(number as i64));
    }
    assert_eq!(beam.finish(), ":done");
}

/// A peer that does not read: senders wait as long as they said, signals are kept, and all of it arrives when it reads again.
#[test]
fn signals_pass_a_full_queue_and_senders_wait_as_long_as_they_said() {
    let cluster = Cluster::new();
    let mut beam = cluster.beam("alex");
    let ours = start(cluster.config("ours").busy_limit(256 << 10));
    let door = registered(&ours, "door");
    beam.erlang("register(alex, spawn(fun Loop() -> receive _ -> Loop() end end))");
    let puppet = puppet(&mut beam, &door);
    let me = mailbox(&ours);
    settle(&me, &puppet);
    beam.process().signal(crate::support::Signal::Stop);
    let mut data = Writer::new();
    data.binary(&vec![1; 60_000]);
    let data = data.finish().unwrap();
    let mut sent = 0;
    let busy = loop {
        match me.send(&alex(), &data, Some(Duration::from_millis(300))) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent < 10_000, "nothing bounds what waits for a peer");
    };
    assert!(matches!(busy, Error::Busy { .. }), "{busy}");
    // The queue is full; a monitor and an exit go into it all the same.
    me.monitor(&Target::from(&puppet)).unwrap();
    me.exit(&puppet, &encoded("{behind,everything}")).unwrap();
    beam.process().signal(crate::support::Signal::Continue);
    let down = next(&me);
    assert_eq!(down.kind(), MessageKind::Down);
    assert!(down.term().unwrap().to_string().ends_with(",{behind,everything}}"));
    me.send(&alex(), &data, Some(PATIENCE)).unwrap();
}
