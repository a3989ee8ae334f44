//! Broken networks and dying peers: exact accounting over flaps, silence found in time, a slow link that stays usable,
//! peers killed or stopped at any stage.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use erlnode::net::epmd::EpmdConfig;
use erlnode::term::{Reader, Writer};
use erlnode::{
    AutoConnect, Config, Mailbox, MailboxOptions, Message, MessageKind, MonitorNodes, Node, Target,
};

use crate::long;
use crate::proxy::{Proxy, Way};
use crate::subjects::{Kind, Subject};
use crate::support::{Cluster, Signal};
use crate::talks::FakeEpmd;
use crate::wire::COOKIE;

/// How long anything may take before the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(epmd: &FakeEpmd, name: &str) -> Config {
    let epmd = EpmdConfig { port: epmd.port, embedded: false, ..EpmdConfig::default() };
    Config::new(name).cookie(COOKIE).epmd(epmd).listen_address(IpAddr::V4(Ipv4Addr::LOCALHOST))
}

/// Two nodes; `b` is reached through the proxy only.
struct Pair {
    a: Node,
    b: Node,
    proxy: Proxy,
}

impl Pair {
    fn new(change: impl Fn(Config) -> Config) -> Pair {
        let epmd = FakeEpmd::start();
        let a = Node::start(change(config(&epmd, "a@localhost"))).unwrap();
        let b = Node::start(change(config(&epmd, "b@localhost"))).unwrap();
        let proxy = Proxy::start(b.port().unwrap());
        epmd.route("b", proxy.port);
        Pair { a, b, proxy }
    }
}

fn mailbox(node: &Node) -> Mailbox {
    node.mailbox(MailboxOptions::default()).unwrap()
}

fn next(mailbox: &Mailbox) -> Message {
    mailbox.recv(Some(PATIENCE)).unwrap_or_else(|error| panic!("no message: {error}"))
}

/// `{Epoch, Number, Padding}`.
fn numbered(epoch: i64, number: i64) -> Vec<u8> {
    let mut writer = Writer::new();
    // Every hundredth is long enough to leave in fragments.
    let length = if number % 100 == 99 { 150_000 } else { 20 };
    writer.tuple(3).i64(epoch).i64(number).binary(&vec![7; length]);
    writer.finish().unwrap()
}

/// The same numbers in every run.
fn chance(seed: &mut u64) -> u64 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed
}

#[test]
fn over_thousands_of_flaps_what_was_sent_was_delivered_or_reported_lost() {
    let flaps = long(150, 2_000);
    let pair = Pair::new(|config| config.auto_connect(AutoConnect::Never));
    let sender = mailbox(&pair.a);
    let receiver = mailbox(&pair.b);
    let watches = [mailbox(&pair.a), mailbox(&pair.b)];
    watches.iter().for_each(|watch| watch.monitor_nodes(MonitorNodes::default()));
    let to = receiver.pid();
    let counting = std::thread::spawn(move || {
        let mut delivered = vec![0i64; flaps + 1];
        let mut epoch = 0;
        loop {
            let message = next(&receiver);
            let mut reader: Reader = message.reader();
            if !reader.tuple_of(3) {
                return delivered;
            }
            let (of, number) = (reader.i64().unwrap(), reader.i64().unwrap());
            assert!(of >= epoch, "a message of connection {of} came after one of {epoch}");
            epoch = of;
            assert_eq!(number, delivered[of as usize], "connection {of} has a gap");
            delivered[of as usize] += 1;
        }
    });
    let mut seed = 20_260_101;
    let mut sent = vec![0i64; flaps + 1];
    let mut lost_reports = 0;
    for (epoch, sent) in sent.iter_mut().enumerate().take(flaps) {
        let (way, cut) = match chance(&mut seed) % 4 {
            // Nothing but the handshake, of 56 bytes, comes back.
            0 => (Way::Back, chance(&mut seed) % 57),
            _ => (Way::There, chance(&mut seed) % 400_000),
        };
        let other = if way == Way::There { Way::Back } else { Way::There };
        pair.proxy.rules(way, |rules| rules.cut_at = Some(cut as usize));
        pair.proxy.rules(other, |rules| rules.cut_at = None);
        // Connections that are cut in the handshake bring nobody up.
        if pair.a.connect("b@localhost", Some(PATIENCE)).is_err() {
            continue;
        }
        let monitor = sender.monitor(&Target::from(&to)).unwrap();
        let down = loop {
            if let Ok(message) = sender.try_recv() {
                break message;
            }
            match sender.send(&Target::from(&to), &numbered(epoch as i64, *sent), Some(PATIENCE)) {
                Ok(()) => *sent += 1,
                // It was not sent, and says so.
                Err(error) => {
                    assert!(error.is_disconnect(), "{error}");
                    break next(&sender);
                }
            }
        };
        assert_eq!(down.kind(), MessageKind::Down);
        assert!(down.term().unwrap().to_string().contains(&monitor_text(&monitor)));
        assert!(down.term().unwrap().to_string().ends_with(",noconnection}"));
        lost_reports += 1;
        assert!(sender.is_empty(), "the loss is reported once");
    }
    // The end, over a sound network.
    pair.proxy.rules(Way::There, |rules| rules.cut_at = None);
    pair.proxy.rules(Way::Back, |rules| rules.cut_at = None);
    pair.a.connect("b@localhost", Some(PATIENCE)).unwrap();
    sender.send(&Target::from(&to), &[106], Some(PATIENCE)).unwrap();
    let delivered = counting.join().unwrap();
    let (all_sent, all_delivered): (i64, i64) = (sent.iter().sum(), delivered.iter().sum());
    let lost: i64 = sent.iter().zip(&delivered).map(|(sent, delivered)| sent - delivered).sum();
    assert!(sent.iter().zip(&delivered).all(|(sent, delivered)| delivered <= sent));
    assert_eq!(all_sent, all_delivered + lost);
    for watch in watches {
        let mut up = false;
        while let Ok(event) = watch.try_recv() {
            assert_eq!(event.kind(), if up { MessageKind::NodeDown } else { MessageKind::NodeUp });
            up = !up;
        }
    }
    eprintln!(
        "{flaps} flaps ({lost_reports} with a connection): {all_sent} sent = {all_delivered} delivered + {lost} lost"
    );
}

fn monitor_text(reference: &erlnode::term::Reference) -> String {
    erlnode::term::Term::Reference(Box::new(reference.clone())).to_string()
}

#[test]
fn a_network_that_delays_and_splits_what_it_carries_changes_nothing_but_the_time() {
    const DELAY: Duration = Duration::from_millis(20);
    // Single bytes, so that every length and every tag arrives in parts, and pieces that fit nothing.
    for (piece, delay, sizes) in [
        (1, Duration::ZERO, &[0, 1, 500, 3_000][..]),
        (1_399, Duration::ZERO, &[0, 70_000, 1, 300_000]),
        (usize::MAX, DELAY, &[0, 1, 1_000, 100_000]),
    ] {
        let pair = Pair::new(|config| config.ticktime(Duration::from_secs(4)));
        for way in [Way::There, Way::Back] {
            pair.proxy.rules(way, |rules| (rules.piece, rules.delay) = (piece, delay));
        }
        pair.a.connect("b@localhost", Some(PATIENCE)).unwrap();
        let (asker, answerer) = (mailbox(&pair.a), mailbox(&pair.b));
        let began = Instant::now();
        let mut asked = Vec::new();
        for (number, size) in sizes.iter().enumerate() {
            let mut writer = Writer::new();
            writer.tuple(3).pid(&asker.pid()).i64(number as i64).binary(&vec![number as u8; *size]);
            asked.push(writer.finish().unwrap());
            asker.send(&Target::from(&answerer.pid()), &asked[number], Some(PATIENCE)).unwrap();
        }
        for question in &asked {
            let message = next(&answerer);
            assert!(
                message.payload() == &question[..],
                "piece {piece}: not what was sent, or not in its order"
            );
            answerer.send(&Target::from(&asker.pid()), message.payload(), Some(PATIENCE)).unwrap();
        }
        for question in &asked {
            assert!(next(&asker).payload() == &question[..], "piece {piece}: not what was answered");
        }
        assert!(began.elapsed() >= 2 * delay, "the proxy did not delay");
    }
}

#[test]
fn silence_in_one_direction_is_found_within_the_ticktime_window() {
    const TICKTIME: Duration = Duration::from_secs(2);
    for way in [Way::Back, Way::There] {
        let pair = Pair::new(|config| config.ticktime(TICKTIME));
        let watches = [mailbox(&pair.a), mailbox(&pair.b)];
        watches.iter().for_each(|watch| watch.monitor_nodes(MonitorNodes::default()));
        pair.a.connect("b@localhost", Some(PATIENCE)).unwrap();
        for watch in &watches {
            assert_eq!(next(watch).kind(), MessageKind::NodeUp);
        }
        // It stays up while both are heard, however little they say.
        let echo = mailbox(&pair.b);
        let began = Instant::now();
        while began.elapsed() < TICKTIME.mul_f64(1.5) {
            std::thread::park_timeout(TICKTIME / 8);
            assert!(watches.iter().all(Mailbox::is_empty), "silence is reported where there is none");
        }
        drop(echo);
        let began = Instant::now();
        pair.proxy.rules(way, |rules| rules.stalled = true);
        for watch in &watches {
            assert_eq!(next(watch).kind(), MessageKind::NodeDown);
        }
        let took = began.elapsed();
        eprintln!("silence on the way {way:?} is found after {took:?} of ticktime {TICKTIME:?}");
        // A quarter before, because the last tick may be that old; two after: one to notice, one for the others.
        assert!(took >= TICKTIME.mul_f64(0.75) && took < TICKTIME.mul_f64(1.75), "{took:?}");
    }
}

#[test]
fn a_slow_link_with_a_big_transfer_stays_usable_and_up() {
    const RATE: usize = 125_000; // 1 Mbit/s
    let bytes = long(750_000, 100_000_000);
    let pair = Pair::new(|config| config.ticktime(Duration::from_secs(4)));
    pair.proxy.rules(Way::There, |rules| rules.rate = Some(RATE));
    pair.proxy.rules(Way::Back, |rules| rules.rate = Some(RATE));
    let watches = [mailbox(&pair.a), mailbox(&pair.b)];
    let (bulk, taker, asker, answerer) =
        (mailbox(&pair.a), mailbox(&pair.b), mailbox(&pair.a), mailbox(&pair.b));
    pair.a.connect("b@localhost", Some(PATIENCE)).unwrap();
    watches.iter().for_each(|watch| watch.monitor_nodes(MonitorNodes::default()));
    let (taker_pid, answerer_pid) = (taker.pid(), answerer.pid());
    let mut writer = Writer::new();
    writer.binary(&vec![3; bytes]);
    let big = writer.finish().unwrap();
    let whole = big.len();
    let transfer = std::thread::spawn(move || bulk.send(&Target::from(&taker_pid), &big, None).unwrap());
    let taken = std::thread::spawn(move || taker.recv(None).unwrap().payload().len());
    std::thread::spawn(move || {
        while let Ok(message) = answerer.recv(None) {
            let from = message.from().expect("a sender").clone();
            let _ = answerer.send(&Target::from(from), message.payload(), None);
        }
    });
    let question = {
        let mut writer = Writer::new();
        writer.binary(&[5; 1000]);
        writer.finish().unwrap()
    };
    let (began, mut times) = (Instant::now(), Vec::new());
    while !taken.is_finished() {
        let asked = Instant::now();
        asker.send(&Target::from(&answerer_pid), &question, None).unwrap();
        asker.recv(Some(PATIENCE)).expect("an answer");
        times.push(asked.elapsed());
        // Questions are little beside the transfer.
        std::thread::park_timeout(Duration::from_millis(50));
    }
    let took = began.elapsed();
    transfer.join().unwrap();
    assert_eq!(taken.join().unwrap(), whole);
    assert!(watches.iter().all(Mailbox::is_empty), "the connection was lost");
    times.sort_unstable();
    let p99 = times[times.len() * 99 / 100];
    eprintln!(
        "{bytes} bytes at 1 Mbit/s in {took:?}: {} echoes of 1 kB, median {:?}, p99 {p99:?}",
        times.len(),
        times[times.len() / 2]
    );
    // Of a dozen echoes the slowest counts, and this machine has other things to do; of thousands it need not.
    assert!(p99 < long(Duration::from_millis(1_500), Duration::from_secs(1)));
}

/// Offsets in the conversation at which the peer ends: before a word, within and between the messages of the handshake,
/// and within the messages that follow.
const STAGES: [(Way, usize); 12] = [
    (Way::There, 0),
    (Way::There, 1),
    (Way::There, 20),
    (Way::Back, 1),
    (Way::Back, 5),
    (Way::Back, 30),
    (Way::There, 50),
    (Way::Back, 62),
    (Way::There, 60),
    (Way::There, 200),
    (Way::There, 300_000),
    (Way::Back, 100_000),
];

#[test]
fn a_peer_killed_or_stopped_at_any_stage_is_reported_in_time() {
    const SETUP: Duration = Duration::from_millis(500);
    const TICKTIME: Duration = Duration::from_secs(1);
    for signal in [Signal::Kill, Signal::Stop] {
        for (way, at) in STAGES {
            let epmd = FakeEpmd::start();
            let mut subject = Subject::start_at(Kind::Ours, Cluster::without_epmd(), epmd.port, "");
            let node =
                Node::start(config(&epmd, "w@localhost").setup_time(SETUP).ticktime(TICKTIME)).unwrap();
            let proxy = Proxy::start(subject.door.port);
            let name = subject.door.node.clone();
            epmd.route(name.split('@').next().unwrap(), proxy.port);
            let process = subject.process.handle();
            proxy.rules(way, |rules| rules.trigger = Some((at, Arc::new(move || process.signal(signal)))));
            let began = Instant::now();
            let came = converse(&node, &name);
            let took = began.elapsed();
            let limit = match signal {
                Signal::Kill => Duration::from_secs(2),
                _ => SETUP + TICKTIME * 2 + Duration::from_millis(500),
            };
            assert!(took < limit, "{signal:?} at {way:?} {at}: {came} after {took:?}");
            assert_ne!(came, "all of it", "{signal:?} at {way:?} {at}");
            // A sender may hear of the end a moment before everybody does.
            let listed = || node.nodes(erlnode::NodeFilter::Connected).iter().any(|n| n.as_str() == name);
            while listed() {
                assert!(began.elapsed() < limit, "{signal:?} at {way:?} {at}: still listed");
                std::thread::yield_now();
            }
            // The node itself is as before: the peer comes back, and all is well.
            proxy.rules(way, |rules| rules.trigger = None);
            match signal {
                Signal::Kill => {
                    subject.restart();
                    let proxy = Proxy::start(subject.door.port);
                    epmd.route(name.split('@').next().unwrap(), proxy.port);
                    assert_eq!(converse(&node, &name), "all of it", "after {signal:?} at {way:?} {at}");
                }
                _ => {
                    subject.process.signal(Signal::Continue);
                    assert_eq!(converse(&node, &name), "all of it", "after {signal:?} at {way:?} {at}");
                }
            }
        }
    }
}

/// Connects, monitors, and has eight megabytes sent back: how far did it come?
fn converse(node: &Node, name: &str) -> &'static str {
    let mailbox = mailbox(node);
    if node.connect(name, Some(PATIENCE)).is_err() {
        return "no connection";
    }
    let echo: Target =
        Target::NameNode(erlnode::term::Atom::new("echo").unwrap(), erlnode::term::Atom::new(name).unwrap());
    mailbox.monitor(&echo).unwrap();
    let mut writer = Writer::new();
    writer.tuple(2).pid(&mailbox.pid()).binary(&vec![1; 8_000_000]);
    if mailbox.send(&echo, &writer.finish().unwrap(), Some(PATIENCE)).is_err() {
        return "not sent";
    }
    match next(&mailbox).kind() {
        MessageKind::Down => "a monitor fired",
        _ => "all of it",
    }
}
