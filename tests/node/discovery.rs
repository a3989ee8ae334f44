//! Nodes that find each other: by lists, epmd, DNS, gossip and files, all on loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use erlnode::discovery::{Asker, Dns, EpmdSweep, Found, Gossip, Srv, StaticList, Strategy, WatchedFile};
use erlnode::net::epmd::EpmdConfig;
use erlnode::proto::name::NodeName;
use erlnode::term::{Atom, Term};
use erlnode::{Config, Mailbox, MonitorNodes, Node, NodeFilter};

use crate::support::{text, Cluster};

fn watcher(node: &Node) -> Mailbox {
    let mailbox = node.mailbox(Default::default()).unwrap();
    mailbox.monitor_nodes(MonitorNodes::default());
    mailbox
}

/// Waits for `{nodeup | nodedown, node}`.
fn await_event(mailbox: &Mailbox, event: &str, node: &Node) {
    while text(mailbox) != text_of(event, node) {}
}

/// A group on loopback that no other test uses.
fn gossip() -> (Gossip, SocketAddrV4) {
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let group = SocketAddrV4::new(Ipv4Addr::new(233, 252, 1, 32), free);
    (Gossip::new().group(group).interface(Ipv4Addr::LOCALHOST), group)
}

#[test]
fn a_node_of_a_list_is_connected_and_again_after_a_loss() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let events = watcher(&a);
    let discovery = a.discover(StaticList::new([b.name().as_str(), a.name().as_str()]).unwrap()).unwrap();
    await_event(&events, "nodeup", &b);
    assert_eq!(discovery.names(), [b.name()], "it does not look for itself");
    assert!(a.nodes(NodeFilter::Visible).is_empty(), "hidden unless asked");
    b.disconnect(a.name().as_str()).unwrap();
    await_event(&events, "nodedown", &b);
    await_event(&events, "nodeup", &b);
    discovery.stop();
    assert!(discovery.names().is_empty() && a.discoveries().is_empty());
    assert_eq!(a.nodes(NodeFilter::Connected), [b.name()], "the connection stays");
    assert!(StaticList::new(["nohost"]).is_err());
}

#[test]
fn a_sweep_finds_all_nodes_of_a_host_and_those_that_come_later() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let events = watcher(&a);
    let sweep = EpmdSweep::new(["localhost", "nowhere.invalid"]).unwrap().every(Duration::from_millis(50));
    a.discover(sweep).unwrap();
    await_event(&events, "nodeup", &b);
    let c = cluster.node("c");
    await_event(&events, "nodeup", &c);
}

#[test]
fn each_address_of_a_dns_name_is_a_node() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |name: &str| {
        let epmd = EpmdConfig { port, ..EpmdConfig::default() };
        Node::start(Config::new(name).cookie("secret").epmd(epmd)).unwrap()
    };
    let (a, b) = (start("dns_a@127.0.0.1"), start("dns_b@127.0.0.1"));
    let events = watcher(&a);
    let discovery = a.discover(Dns::new("dns_b", "localhost").unwrap()).unwrap();
    await_event(&events, "nodeup", &b);
    assert!(discovery.names().contains(&b.name()));
    assert!(Dns::new("with space", "localhost").is_err() && Dns::new("a", "").is_err());
}

/// What a name server answers: SRV records for these targets, or that the rest has to be asked for by TCP.
fn srv_answer(question: &[u8], targets: &[&str], truncated: bool) -> Vec<u8> {
    let mut answer = question.to_vec();
    answer[2..4].copy_from_slice(if truncated { &[0x86, 0] } else { &[0x84, 0] });
    answer[7] = if truncated { 0 } else { targets.len() as u8 };
    for target in targets.iter().filter(|_| !truncated) {
        // "." alone is the root: the service is not offered.
        let labels = target
            .split('.')
            .filter(|label| !label.is_empty())
            .flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        // The owner is the name in the question; type SRV, class IN, a minute; priority, weight, port.
        let data: Vec<u8> = [0, 0, 0, 0, 0x11, 0x11].into_iter().chain(labels).chain([0]).collect();
        answer.extend([192, 12, 0, 33, 0, 1, 0, 0, 0, 60]);
        answer.extend((data.len() as u16).to_be_bytes());
        answer.extend(data);
    }
    answer
}

/// A name server that gives these targets; more than one does not fit, as it were, and has to be asked for by TCP.
fn name_server(targets: Arc<Mutex<Vec<&'static str>>>) -> SocketAddr {
    // A port that is free for one of them may be somebody's for the other.
    let both = || {
        let udp = UdpSocket::bind("127.0.0.1:0").ok()?;
        let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
        Some((udp, tcp))
    };
    let (udp, tcp) = std::iter::repeat_with(both).flatten().next().unwrap();
    let address = udp.local_addr().unwrap();
    std::thread::spawn(move || loop {
        let mut question = [0; 512];
        let (length, from) = udp.recv_from(&mut question).unwrap();
        let (question, targets) = (&question[..length], targets.lock().unwrap().clone());
        // Something else first, as from somebody who cannot see the question.
        let mut forged = srv_answer(question, &["forged"], false);
        forged[0] ^= 1;
        let truncated = targets.len() > 1;
        for answer in [forged, b"garbage".to_vec(), srv_answer(question, &targets, truncated)] {
            udp.send_to(&answer, from).unwrap();
        }
        if truncated {
            let (mut stream, _) = tcp.accept().unwrap();
            let mut again = vec![0; 2 + length];
            stream.read_exact(&mut again).unwrap();
            assert_eq!(again[2..], *question);
            let answer = srv_answer(question, &targets, false);
            stream.write_all(&(answer.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    });
    address
}

#[test]
fn each_target_of_srv_records_is_a_node_until_it_goes() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let events = watcher(&a);
    let alive = b.name().as_str().split('@').next().unwrap().to_owned();
    let targets = Arc::new(Mutex::new(vec!["localhost"]));
    let srv = Srv::new(&alive, "_epmd._tcp.example.org.").unwrap().server(name_server(targets.clone()));
    let discovery = a.discover(srv.every(Duration::from_millis(50))).unwrap();
    let news = a.mailbox(Default::default()).unwrap();
    discovery.watch(&news).unwrap();
    assert_eq!(text(&news), text_of("discovered", &b));
    await_event(&events, "nodeup", &b);
    *targets.lock().unwrap() = vec!["localhost", "other.invalid"];
    assert_eq!(text(&news), format!("{{discovered,'{alive}@other.invalid'}}"));
    *targets.lock().unwrap() = vec!["other.invalid", "."];
    assert_eq!(text(&news), text_of("undiscovered", &b));
    *targets.lock().unwrap() = vec![];
    assert_eq!(text(&news), format!("{{undiscovered,'{alive}@other.invalid'}}"));
    assert!(Srv::new("with space", "a.b").is_err() && Srv::new("a", "").is_err());
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("erlnode-nodes-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Scratch(std::env::temp_dir().join(name))
    }

    fn write(&self, text: &str) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &self.0).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn names_appear_and_go_with_the_lines_of_a_file() {
    let cluster = Cluster::new();
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    let events = watcher(&a);
    let file = Scratch::new();
    let discovery = a.discover(WatchedFile::new(&file.0).every(Duration::from_millis(20))).unwrap();
    let news = a.mailbox(Default::default()).unwrap();
    discovery.watch(&news).unwrap();
    file.write(&format!("# all of them\n{}   # the first\n\nno node name\n", b.name()));
    await_event(&events, "nodeup", &b);
    file.write(&format!("{}\r\n{}\r\n", b.name(), c.name()));
    await_event(&events, "nodeup", &c);
    std::fs::remove_file(&file.0).unwrap();
    let mut heard: Vec<_> = (0..4).map(|_| text(&news)).collect();
    heard.sort();
    let mut expected = [("discovered", &b), ("discovered", &c), ("undiscovered", &b), ("undiscovered", &c)]
        .map(|(event, node)| text_of(event, node));
    expected.sort();
    assert_eq!(heard, expected);
    assert!(discovery.names().is_empty());
    assert_eq!(a.nodes(NodeFilter::Connected).len(), 2, "connections stay");
}

/// `{event, node}` as Erlang prints it.
fn text_of(event: &str, node: &Node) -> String {
    Term::tuple([Term::Atom(Atom::new(event).unwrap()), Term::Atom(node.name())]).to_string()
}

#[test]
fn gossip_brings_nodes_together_and_garbage_does_not_stop_it() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let events = watcher(&a);
    let (listening, group) = gossip();
    let announcing = Gossip::new().group(group).interface(Ipv4Addr::LOCALHOST).announce(true);
    let discovery = a.discover(listening).unwrap();
    let vandal = UdpSocket::bind("127.0.0.1:0").unwrap();
    for number in 0..3000u32 {
        let mut garbage = b"heartbeat::\x83".to_vec();
        garbage.extend(number.to_be_bytes().repeat(number as usize % 500));
        vandal.send_to(&garbage, ("127.0.0.1", group.port())).unwrap();
    }
    b.discover(announcing).unwrap();
    await_event(&events, "nodeup", &b);
    assert_eq!(discovery.names(), [b.name()]);
}

#[test]
fn gossip_with_a_secret_is_for_those_who_know_it() {
    let cluster = Cluster::new();
    let (a, b, c) = (cluster.node("a"), cluster.node("b"), cluster.node("c"));
    let (_, group) = gossip();
    let talk = |secret: &str| {
        Gossip::new().group(group).interface(Ipv4Addr::LOCALHOST).secret(secret).announce(true)
    };
    let (in_a, in_c) = (watcher(&a), watcher(&c));
    let stranger = c.discover(talk("another")).unwrap();
    let ours = a.discover(talk("ours")).unwrap();
    b.discover(talk("ours")).unwrap();
    await_event(&in_a, "nodeup", &b);
    assert_eq!(ours.names(), [b.name()]);
    assert!(stranger.names().is_empty() && in_c.recv(Some(Duration::ZERO)).is_err());
}

/// A strategy of one's own.
#[derive(Debug)]
struct Told {
    answers: Vec<erlnode::Result<Vec<NodeName>>>,
}

impl Strategy for Told {
    fn find<'a>(&'a mut self, asker: &'a Asker) -> Found<'a> {
        assert!(asker.name.is_some() && asker.listens);
        Box::pin(async {
            match self.answers.pop() {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn pause(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn a_strategy_of_ones_own_proposes_and_a_failure_changes_nothing() {
    let cluster = Cluster::new();
    let (a, b) = (cluster.node("a"), cluster.node("b"));
    let events = watcher(&a);
    let name = NodeName::new(b.name().as_str()).unwrap();
    let down = NodeName::new("nobody@localhost").unwrap();
    let discovery =
        a.discover(Told { answers: vec![Err(erlnode::Error::Empty), Ok(vec![name, down])] }).unwrap();
    await_event(&events, "nodeup", &b);
    assert_eq!(discovery.names().len(), 2, "the one that is down may come back");
    a.stop();
    assert!(discovery.names().is_empty());
}
