//! A network that can be cut: each member has an epmd of its own, which sends it to the others through us.
//!
//! A way between two members is open, closed (connections break, new ones are refused at once) or silent, as when a cable is
//! pulled: nothing passes, nothing is told, and what was under way arrives when the way opens again, the end of a
//! connection included. Members are `alive@localhost`, on loopback.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

use super::epmd::free_port;

/// What passes between two members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Open,
    Closed,
    Silent,
}

/// Two members, the smaller number first.
type Pair = (usize, usize);

struct State {
    /// Where each member listens, while it is registered.
    listening: Vec<Option<u16>>,
    creation: u32,
    ways: HashMap<Pair, Way>,
    streams: Vec<(Pair, TcpStream)>,
    ended: bool,
}

struct Shared {
    names: Vec<String>,
    state: Mutex<State>,
    changed: Condvar,
}

/// See the module.
pub struct Network {
    epmds: Vec<u16>,
    shared: Arc<Shared>,
}

impl Network {
    /// For members of these names, without host.
    pub fn new(names: &[&str]) -> Network {
        let state = State {
            listening: vec![None; names.len()],
            creation: 4,
            ways: HashMap::new(),
            streams: Vec::new(),
            ended: false,
        };
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let shared = Arc::new(Shared { names, state: Mutex::new(state), changed: Condvar::new() });
        let epmds = (0..shared.names.len()).map(|member| shared.clone().serve_epmd(member)).collect();
        Network { epmds, shared }
    }

    /// The port of a member's own epmd.
    pub fn epmd_of(&self, member: usize) -> u16 {
        self.epmds[member]
    }

    /// What passes between two members from now on, for all of these at the same moment: a BEAM that lost one member tells those
    /// that it still has.
    pub fn set(&self, ways: impl IntoIterator<Item = (usize, usize, Way)>) {
        let mut state = self.shared.state.lock().unwrap();
        for (one, other, way) in ways {
            state.ways.insert((one.min(other), one.max(other)), way);
        }
        let closed = state.ways.clone();
        state.close(|pair| closed.get(&pair) == Some(&Way::Closed));
        self.shared.changed.notify_all();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock().unwrap();
        state.ended = true;
        state.close(|_| true);
        self.shared.changed.notify_all();
    }
}

impl State {
    fn close(&mut self, which: impl Fn(Pair) -> bool) {
        self.streams.retain(|(pair, stream)| {
            // What has ended by itself is forgotten here, too.
            if !which(*pair) {
                return stream.peer_addr().is_ok();
            }
            let _ = stream.shutdown(Shutdown::Both);
            false
        });
    }
}

/// Accepts for ever, each in a thread of its own.
fn serve(listener: TcpListener, with: impl Fn(TcpStream) + Send + Clone + 'static) {
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let with = with.clone();
            std::thread::spawn(move || with(stream));
        }
    });
}

impl Shared {
    /// One member's epmd, and its ways to all others.
    fn serve_epmd(self: Arc<Self>, member: usize) -> u16 {
        let doors: Vec<u16> = (0..self.names.len())
            .map(|other| {
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                let port = listener.local_addr().unwrap().port();
                let shared = self.clone();
                serve(listener, move |caller| shared.join(caller, member, other));
                port
            })
            .collect();
        let port = free_port();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        serve(listener, move |stream| drop(self.answer(stream, member, &doors)));
        port
    }

    /// One question of `member` to its epmd (protocol section 1).
    fn answer(&self, mut stream: TcpStream, member: usize, doors: &[u16]) -> std::io::Result<()> {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut question)?;
        match question.split_first() {
            Some((b'x', body)) => {
                let creation = {
                    let mut state = self.state.lock().unwrap();
                    state.listening[member] = Some(u16::from_be_bytes([body[0], body[1]]));
                    state.creation += 1;
                    state.creation
                };
                stream.write_all(&[&[118, 0][..], &creation.to_be_bytes()].concat())?;
                // As long as it is connected.
                let _ = stream.read(&mut length);
                self.state.lock().unwrap().listening[member] = None;
                Ok(())
            }
            Some((b'z', name)) => {
                let found = self.names.iter().position(|known| known.as_bytes() == name);
                let listens = |place: &usize| self.state.lock().unwrap().listening[*place].is_some();
                let Some(place) = found.filter(listens) else { return stream.write_all(&[119, 1]) };
                let mut answer = vec![119, 0];
                answer.extend(doors[place].to_be_bytes());
                answer.extend([77, 0, 0, 6, 0, 5]);
                answer.extend((name.len() as u16).to_be_bytes());
                answer.extend(name);
                answer.extend([0, 0]);
                stream.write_all(&answer)
            }
            _ => Ok(()),
        }
    }

    /// Waits while the way is silent; false if it is closed.
    fn may_pass(&self, pair: Pair) -> bool {
        let mut state = self.state.lock().unwrap();
        loop {
            match state.ways.get(&pair) {
                _ if state.ended => return false,
                None | Some(Way::Open) => return true,
                Some(Way::Closed) => return false,
                Some(Way::Silent) => state = self.changed.wait(state).unwrap(),
            }
        }
    }

    /// A connection from one member to another.
    fn join(self: &Arc<Self>, caller: TcpStream, from: usize, to: usize) {
        let pair = (from.min(to), from.max(to));
        if !self.may_pass(pair) {
            return;
        }
        let Some(port) = self.state.lock().unwrap().listening[to] else { return };
        let Ok(called) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return };
        let copies = [&caller, &called].map(|stream| {
            stream.set_nodelay(true).unwrap();
            (pair, stream.try_clone().unwrap())
        });
        let mut state = self.state.lock().unwrap();
        if state.ended || state.ways.get(&pair) == Some(&Way::Closed) {
            return;
        }
        state.close(|_| false);
        state.streams.extend(copies);
        drop(state);
        let (back, way_back) = (called.try_clone().unwrap(), caller.try_clone().unwrap());
        let shared = self.clone();
        std::thread::spawn(move || shared.carry(pair, back, way_back));
        self.carry(pair, caller, called);
    }

    fn carry(&self, pair: Pair, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = [0; 16 << 10];
        loop {
            let count = from.read(&mut buffer).unwrap_or(0);
            if !self.may_pass(pair) || count == 0 || to.write_all(&buffer[..count]).is_err() {
                let _ = to.shutdown(Shutdown::Both);
                let _ = from.shutdown(Shutdown::Both);
                return;
            }
        }
    }
}
