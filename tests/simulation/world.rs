//! The nodes, the connections between them, and the hand of fate.

use std::collections::{HashMap, VecDeque};

use bytes::{Bytes, BytesMut};
use erlnode::proto::control::{Control, Names};
use erlnode::proto::digest::Cookie;
use erlnode::proto::flags::Flags;
use erlnode::proto::frame;
use erlnode::proto::handshake::{
    Acceptor, AcceptorParams, Decision, Established, Framing, Initiator, InitiatorParams, OurName, PeerName,
    Step,
};
use erlnode::proto::header::{AssemblyLimits, Fragmenter, PacketReader, PacketWriter, Received};
use erlnode::proto::name::NodeName;
use erlnode::term::{Atom, Pid, Reader, Writer};

/// Processes of each node.
const PROCESSES: u32 = 3;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What happened.
#[derive(Debug, Default, Clone, Copy)]
pub struct Totals {
    pub sent: u64,
    pub received: u64,
    pub fragmented: u64,
    pub connected: u64,
    pub crossed: u64,
    pub replaced: u64,
    pub cut: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Totals) {
        self.sent += other.sent;
        self.received += other.received;
        self.fragmented += other.fragmented;
        self.connected += other.connected;
        self.crossed += other.crossed;
        self.replaced += other.replaced;
        self.cut += other.cut;
    }
}

struct Node {
    name: NodeName,
    atom: Atom,
    flags: Flags,
    /// By peer: the connection in use, and the one being made.
    up: HashMap<usize, usize>,
    pending: HashMap<usize, usize>,
}

/// What one end of a connection is doing.
enum Phase {
    Calling(Box<Initiator>),
    Called(Box<Acceptor>),
    Up(Box<Channel>),
    Closed,
}

/// An established end.
struct Channel {
    writer: PacketWriter,
    reader: PacketReader,
    names: Names,
    /// Big messages on their way, by the process that sends.
    fragments: Vec<(u32, Fragmenter<Vec<u8>>)>,
    /// Next number to send and to expect, by sender and receiver.
    sent: HashMap<(u32, u32), u64>,
    expected: HashMap<(u32, u32), u64>,
}

struct End {
    node: usize,
    phase: Phase,
    /// Written and not yet on the wire: the peer is slow.
    outgoing: Vec<u8>,
    /// On the wire towards this end.
    incoming: VecDeque<u8>,
    buffer: BytesMut,
    /// The end of the stream, once everything on the wire has arrived.
    ended: bool,
    /// Nothing comes any more, not even the end.
    silent: bool,
}

struct Connection {
    ends: [End; 2],
}

/// See the module.
pub struct World {
    random: Random,
    nodes: Vec<Node>,
    connections: Vec<Connection>,
    pub totals: Totals,
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let count = 2 + random.below(4);
        let nodes = (0..count)
            .map(|number| {
                let name = NodeName::new(&format!("n{number}@localhost")).unwrap();
                let cache = if random.chance(70) { Flags::DIST_HDR_ATOM_CACHE } else { Flags(0) };
                let base = if random.chance(85) { Flags::HIDDEN_FULL } else { Flags::HIDDEN_SIMPLE };
                let atom = Atom::new(name.as_str()).unwrap();
                Node { name, atom, flags: base.with(cache), up: HashMap::new(), pending: HashMap::new() }
            })
            .collect();
        World { random, nodes, connections: Vec::new(), totals: Totals::default() }
    }

    /// One thing happens.
    pub fn step(&mut self) {
        match self.random.below(100) {
            0..=5 => {
                let (from, to) = self.two_nodes();
                self.call(from, to);
                if self.random.chance(50) {
                    self.call(to, from);
                }
            }
            6..=29 => self.send_something(),
            30 => self.cut_something(),
            _ => self.carry_something(),
        }
    }

    fn two_nodes(&mut self) -> (usize, usize) {
        let from = self.random.below(self.nodes.len());
        let to = (from + 1 + self.random.below(self.nodes.len() - 1)) % self.nodes.len();
        (from, to)
    }

    fn call(&mut self, from: usize, to: usize) {
        let caller = &self.nodes[from];
        if caller.up.contains_key(&to) || caller.pending.contains_key(&to) {
            return;
        }
        let cookie = || Cookie::new("secret", "the world").unwrap();
        let number = self.connections.len();
        let initiator = Initiator::new(InitiatorParams {
            ours: OurName::Node { name: caller.name.clone(), creation: 10 + from as u32 },
            flags: caller.flags,
            peer: self.nodes[to].name.clone(),
            cookie: cookie(),
            challenge: number as u32 * 2 + 1,
            framing: Framing::Two,
        });
        let acceptor = Acceptor::new(AcceptorParams {
            name: self.nodes[to].name.clone(),
            creation: 10 + to as u32,
            flags: self.nodes[to].flags,
            challenge: number as u32 * 2 + 2,
            framing: Framing::Two,
        });
        let end = |node, phase| End {
            node,
            phase,
            outgoing: Vec::new(),
            incoming: VecDeque::new(),
            buffer: BytesMut::new(),
            ended: false,
            silent: false,
        };
        let ends =
            [end(from, Phase::Calling(Box::new(initiator))), end(to, Phase::Called(Box::new(acceptor)))];
        self.connections.push(Connection { ends });
        self.nodes[from].pending.insert(to, number);
        self.advance(number, 0);
        self.advance(number, 1);
    }

    /// A process sends to another over a connection that is up.
    fn send_something(&mut self) {
        let Some((number, side)) = self.some_end(|end| matches!(end.phase, Phase::Up(_))) else { return };
        let (from, to) =
            (self.random.below(PROCESSES as usize) as u32, self.random.below(PROCESSES as usize) as u32);
        let size = match self.random.below(400) {
            0..=299 => self.random.below(40),
            300..=395 => 200 + self.random.below(2_000),
            _ => 66_000 + self.random.below(140_000),
        };
        let atom = format!("atom_{}", self.random.below(3_000));
        let peer = self.connections[number].ends[1 - side].node;
        let sender = self.pid(self.connections[number].ends[side].node, from);
        let receiver = self.pid(peer, to);
        let end = &mut self.connections[number].ends[side];
        let Phase::Up(channel) = &mut end.phase else { return };
        if channel.fragments.iter().any(|(busy, _)| *busy == from) {
            return; // a process sends one message at a time
        }
        let next = channel.sent.entry((from, to)).or_default();
        let mut payload = Writer::new();
        payload.tuple(4).i64(i64::from(from)).i64(*next as i64).atom(&atom).binary(&vec![*next as u8; size]);
        let payload = payload.finish().unwrap();
        *next += 1;
        self.totals.sent += 1;
        let control = Control::SendSender { from: sender, to: receiver, token: None };
        if channel.writer.needs_fragments(payload.len()) {
            self.totals.fragmented += 1;
            let fragments = channel.writer.fragments(&mut end.outgoing, &control, payload).unwrap();
            channel.fragments.push((from, fragments));
        } else {
            channel.writer.message(&mut end.outgoing, &control, Some(&payload)).unwrap();
        }
    }

    fn pid(&self, node: usize, id: u32) -> Pid {
        Pid { node: self.nodes[node].atom.clone(), id, serial: 0, creation: 10 + node as u32 }
    }

    fn some_end(&mut self, wanted: impl Fn(&End) -> bool) -> Option<(usize, usize)> {
        let ends: Vec<(usize, usize)> = (0..self.connections.len())
            .flat_map(|number| [(number, 0), (number, 1)])
            .filter(|(number, side)| wanted(&self.connections[*number].ends[*side]))
            .collect();
        if ends.is_empty() {
            return None;
        }
        Some(ends[self.random.below(ends.len())])
    }

    /// A connection breaks: each end gets some of what is on the wire, and hears of it when it does.
    fn cut_something(&mut self) {
        let Some((number, side)) = self.some_end(|end| !matches!(end.phase, Phase::Closed)) else { return };
        self.totals.cut += 1;
        if self.random.chance(30) {
            // Only one end notices now.
            self.close(number, side);
            if self.random.chance(50) {
                // The other does not even hear of that: it holds a connection that is none, until its ticktime is over.
                let other = &mut self.connections[number].ends[1 - side];
                other.incoming.clear();
                other.silent = std::mem::replace(&mut other.ended, false);
            }
            return;
        }
        for side in 0..2 {
            let kept = self.random.below(self.connections[number].ends[side].incoming.len() + 1);
            let end = &mut self.connections[number].ends[side];
            end.incoming.truncate(kept);
            end.outgoing.clear();
            end.ended = true;
        }
    }

    /// Something moves: a fragment is written, bytes go on the wire or arrive, an end is noticed.
    fn carry_something(&mut self) {
        let Some((number, side)) = self.some_end(|end| {
            let writes = matches!(&end.phase, Phase::Up(channel) if !channel.fragments.is_empty());
            let moves = writes || !end.outgoing.is_empty() || !end.incoming.is_empty() || end.ended;
            moves && !matches!(end.phase, Phase::Closed)
        }) else {
            return;
        };
        self.carry(number, side, usize::MAX);
    }

    fn carry(&mut self, number: usize, side: usize, most: usize) {
        // A fragment of one of the messages on their way.
        let pick = self.random.below(64);
        let end = &mut self.connections[number].ends[side];
        if let Phase::Up(channel) = &mut end.phase {
            if !channel.fragments.is_empty() {
                let place = pick % channel.fragments.len();
                channel.fragments[place].1.write_next(&mut end.outgoing);
                if channel.fragments[place].1.is_done() {
                    channel.fragments.swap_remove(place);
                }
            }
        }
        // From here to the wire, unless the other end has gone.
        let count = end.outgoing.len().min(most);
        let count = if most == usize::MAX { self.random.below(count + 1) } else { count };
        let [one, two] = &mut self.connections[number].ends;
        let (from, to) = if side == 0 { (one, two) } else { (two, one) };
        let bytes = from.outgoing.drain(..count);
        match to.phase {
            Phase::Closed => drop(bytes),
            _ if to.ended => drop(bytes),
            _ => to.incoming.extend(bytes),
        }
        // From the wire to this end.
        let waiting = from.incoming.len();
        let count = if most == usize::MAX { self.random.below(waiting + 1) } else { waiting };
        let arrived: Vec<u8> = self.connections[number].ends[side].incoming.drain(..count).collect();
        self.arrive(number, side, &arrived);
        let end = &self.connections[number].ends[side];
        if end.ended && end.incoming.is_empty() {
            self.close(number, side);
        }
    }

    fn arrive(&mut self, number: usize, side: usize, bytes: &[u8]) {
        let end = &mut self.connections[number].ends[side];
        match &mut end.phase {
            Phase::Calling(machine) => machine.feed(bytes),
            Phase::Called(machine) => machine.feed(bytes),
            Phase::Up(_) => {
                end.buffer.extend_from_slice(bytes);
                self.take_packets(number, side);
                return;
            }
            Phase::Closed => return,
        }
        self.advance(number, side);
    }

    /// The handshake goes on as far as it can.
    fn advance(&mut self, number: usize, side: usize) {
        loop {
            let end = &mut self.connections[number].ends[side];
            let step = match &mut end.phase {
                Phase::Calling(machine) => machine.next_step(),
                Phase::Called(machine) => machine.next_step(),
                Phase::Up(_) | Phase::Closed => return,
            };
            match step {
                Ok(Step::Send(bytes)) => end.outgoing.extend(bytes),
                Ok(Step::NeedMore) => return,
                Ok(Step::Ask(hello)) => {
                    assert!(matches!(hello.name, PeerName::Node(_)));
                    self.decide(number);
                }
                Ok(Step::Alive) => {
                    let (node, peer) = self.who(number, side);
                    let current = self.nodes[node].pending.get(&peer) == Some(&number);
                    if let Phase::Calling(machine) = &mut self.connections[number].ends[side].phase {
                        machine.answer_alive(current);
                    }
                }
                Ok(Step::KillOld) => {
                    let (node, peer) = self.who(number, side);
                    if let Some(old) = self.nodes[node].up.get(&peer).copied() {
                        self.totals.replaced += 1;
                        let side = self.side_of(old, node);
                        self.close(old, side);
                    }
                    if let Phase::Called(machine) = &mut self.connections[number].ends[side].phase {
                        machine.old_gone();
                    }
                }
                Ok(Step::Done(established)) => self.establish(number, side, established),
                Err(_) => self.close(number, side),
            }
        }
    }

    fn who(&self, number: usize, side: usize) -> (usize, usize) {
        let ends = &self.connections[number].ends;
        (ends[side].node, ends[1 - side].node)
    }

    fn side_of(&self, number: usize, node: usize) -> usize {
        usize::from(self.connections[number].ends[0].node != node)
    }

    /// The table of protocol section 3.3.
    fn decide(&mut self, number: usize) {
        let (node, caller) = self.who(number, 1);
        let cookie = Cookie::new("secret", "the world").unwrap();
        let pending = self.nodes[node].pending.get(&caller).copied();
        let decision = if self.nodes[node].up.contains_key(&caller) {
            match pending {
                Some(_) => Decision::Close,
                None => Decision::Alive(cookie),
            }
        } else {
            match pending {
                None => Decision::Ok(cookie),
                Some(_) if self.nodes[node].name > self.nodes[caller].name => Decision::Nok,
                Some(other) => {
                    self.totals.crossed += 1;
                    let side = self.side_of(other, node);
                    self.close(other, side);
                    Decision::OkSimultaneous(cookie)
                }
            }
        };
        if !matches!(decision, Decision::Close | Decision::Nok) {
            self.nodes[node].pending.insert(caller, number);
        }
        if let Phase::Called(machine) = &mut self.connections[number].ends[1].phase {
            machine.decide(decision);
        }
    }

    fn establish(&mut self, number: usize, side: usize, established: Established) {
        let (node, peer) = self.who(number, side);
        if self.nodes[node].pending.get(&peer) == Some(&number) {
            self.nodes[node].pending.remove(&peer);
        }
        assert_eq!(established.peer.as_str(), self.nodes[peer].name.as_str());
        let before = self.nodes[node].up.insert(peer, number);
        assert_eq!(before, None, "a second connection while the first is up");
        self.totals.connected += 1;
        let end = &mut self.connections[number].ends[side];
        end.buffer = established.leftover;
        end.phase = Phase::Up(Box::new(Channel {
            writer: PacketWriter::new(established.flags),
            reader: PacketReader::new(established.flags, AssemblyLimits::default()),
            names: Names { ours: self.nodes[node].atom.clone(), peer: self.nodes[peer].atom.clone() },
            fragments: Vec::new(),
            sent: HashMap::new(),
            expected: HashMap::new(),
        }));
        self.take_packets(number, side);
    }

    fn take_packets(&mut self, number: usize, side: usize) {
        let end = &mut self.connections[number].ends[side];
        let Phase::Up(channel) = &mut end.phase else { return };
        while let Some(packet) = frame::split(&mut end.buffer, frame::DEFAULT_CAP).unwrap() {
            let Received::Message(message) = channel.reader.read(packet).unwrap() else { continue };
            channel.take(&message);
            self.totals.received += 1;
        }
    }

    /// One end goes: its node forgets it, and the other end will see the stream end.
    fn close(&mut self, number: usize, side: usize) {
        let (node, peer) = self.who(number, side);
        let end = &mut self.connections[number].ends[side];
        if matches!(end.phase, Phase::Closed) {
            return;
        }
        end.phase = Phase::Closed;
        let left = std::mem::take(&mut end.outgoing);
        end.incoming.clear();
        let other = &mut self.connections[number].ends[1 - side];
        if !matches!(other.phase, Phase::Closed) && !other.ended {
            other.incoming.extend(left);
            other.ended = true;
        }
        let Node { up, pending, .. } = &mut self.nodes[node];
        for table in [up, pending] {
            if table.get(&peer) == Some(&number) {
                table.remove(&peer);
            }
        }
    }

    /// No more faults: everything arrives, and then all is in order.
    pub fn rest(&mut self) {
        for end in self.connections.iter_mut().flat_map(|connection| &mut connection.ends) {
            end.ended |= end.silent;
        }
        loop {
            let moves = |end: &End| {
                let writes = matches!(&end.phase, Phase::Up(channel) if !channel.fragments.is_empty());
                writes || !end.outgoing.is_empty() || !end.incoming.is_empty() || end.ended
            };
            let Some((number, side)) = (0..self.connections.len())
                .flat_map(|number| [(number, 0), (number, 1)])
                .find(|(number, side)| {
                    let end = &self.connections[*number].ends[*side];
                    moves(end) && !matches!(end.phase, Phase::Closed)
                })
            else {
                break;
            };
            self.carry(number, side, usize::MAX - 1);
        }
        self.check();
    }

    fn check(&mut self) {
        for number in 0..self.connections.len() {
            let [one, two] = &self.connections[number].ends;
            let (Phase::Up(first), Phase::Up(second)) = (&one.phase, &two.phase) else { continue };
            for (from, to) in [(first, second), (second, first)] {
                assert_eq!(to.reader.load(), (0, 0), "something stays in assembly");
                // Both ends lasted: nothing of this connection may be missing.
                for (pair, sent) in &from.sent {
                    assert_eq!(
                        to.expected.get(pair).copied().unwrap_or_default(),
                        *sent,
                        "lost without a cause"
                    );
                }
            }
        }
        for node in 0..self.nodes.len() {
            assert!(self.nodes[node].pending.is_empty(), "an attempt hangs for ever");
            for (peer, number) in &self.nodes[node].up {
                assert_eq!(
                    self.nodes[*peer].up.get(&node),
                    Some(number),
                    "two ends of different connections"
                );
            }
        }
    }
}

impl Channel {
    /// A message arrived: it must be the next one of its sender.
    fn take(&mut self, message: &Bytes) {
        let atoms = self.reader.atoms().to_vec();
        let (control, length) = Control::decode(message, &atoms, &self.names).unwrap();
        let Control::SendSender { from, to, .. } = control else { panic!("{control:?} was never sent") };
        let payload = self.reader.payload(message, length).unwrap().unwrap();
        let mut reader = Reader::with_atoms(&payload, &atoms);
        assert_eq!(reader.tuple(), Some(4));
        assert_eq!(reader.i64(), Some(i64::from(from.id)));
        let number = reader.u64().unwrap();
        assert!(reader.atom().unwrap().starts_with("atom_"));
        assert!(reader.binary().unwrap().iter().all(|byte| *byte == number as u8));
        let expected = self.expected.entry((from.id, to.id)).or_default();
        assert_eq!(number, *expected, "a gap, a repetition or another order");
        *expected += 1;
    }
}
