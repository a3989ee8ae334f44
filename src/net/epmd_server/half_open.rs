//! Counts connections that did not say yet what they want, and chooses who goes when there are too many.
//!
//! Pure: a place is a number, the time is told, and what is needed to close the connection is the caller's `H`.
//! Always true: a source that is not this host holds at most its share, and all together hold at most the total.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

/// The place of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place(u64);

#[derive(Debug)]
struct Entry<H> {
    source: Option<IpAddr>,
    handle: Option<H>,
    expires: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct HalfOpen<H> {
    total: usize,
    per_source: usize,
    /// Oldest first.
    places: BTreeMap<Place, Entry<H>>,
    /// Sources other than this host.
    sources: HashMap<IpAddr, BTreeSet<Place>>,
    next: u64,
}

impl<H> HalfOpen<H> {
    pub(crate) fn new(total: usize, per_source: usize) -> Self {
        HalfOpen {
            total: total.max(1),
            per_source: per_source.max(1),
            places: BTreeMap::new(),
            sources: HashMap::new(),
            next: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Takes a place for a connection from `peer`, to be given up at `expires`, which never decreases. The second value is a
    /// connection to close in exchange.
    pub(crate) fn enter(&mut self, peer: IpAddr, expires: Instant) -> (Place, Option<H>) {
        let source = source_of(peer);
        let crowded = source
            .and_then(|source| self.sources.get(&source))
            .filter(|places| places.len() >= self.per_source);
        let victim = match crowded.and_then(BTreeSet::first) {
            Some(&oldest_of_source) => Some(oldest_of_source),
            None if self.places.len() >= self.total => self.least_deserving(),
            None => None,
        };
        let evicted = victim.and_then(|place| self.remove(place));
        let place = Place(self.next);
        self.next += 1;
        self.places.insert(place, Entry { source, handle: None, expires: Some(expires) });
        if let Some(source) = source {
            self.sources.entry(source).or_default().insert(place);
        }
        (place, evicted)
    }

    /// Says how to close the connection; one that already left needs it no more.
    pub(crate) fn set_handle(&mut self, place: Place, handle: H) {
        if let Some(entry) = self.places.get_mut(&place) {
            entry.handle = Some(handle);
        }
    }

    /// The connection may stay as long as there is room.
    pub(crate) fn keep(&mut self, place: Place) {
        if let Some(entry) = self.places.get_mut(&place) {
            entry.expires = None;
        }
    }

    /// The connections to close because their time is over.
    pub(crate) fn expired(&mut self, now: Instant) -> Vec<H> {
        let timed = self.places.iter().filter_map(|(&place, entry)| Some((place, entry.expires?)));
        let late: Vec<Place> =
            timed.take_while(|(_, expires)| *expires <= now).map(|(place, _)| place).collect();
        late.into_iter().filter_map(|place| self.remove(place)).collect()
    }

    /// The connection ended or registered.
    pub(crate) fn leave(&mut self, place: Place) {
        self.remove(place);
    }

    /// Gives up one connection, because the process ran out of descriptors.
    pub(crate) fn evict(&mut self) -> Option<H> {
        let victim = self.least_deserving()?;
        self.remove(victim)
    }

    /// The oldest one from elsewhere: strangers must not push out the nodes of this host.
    fn least_deserving(&self) -> Option<Place> {
        let from_elsewhere = self.places.iter().find(|(_, entry)| entry.source.is_some());
        from_elsewhere.or_else(|| self.places.iter().next()).map(|(&place, _)| place)
    }

    fn remove(&mut self, place: Place) -> Option<H> {
        let entry = self.places.remove(&place)?;
        if let Some(source) = entry.source {
            if let Some(places) = self.sources.get_mut(&source) {
                places.remove(&place);
                if places.is_empty() {
                    self.sources.remove(&source);
                }
            }
        }
        entry.handle
    }
}

/// Whom a connection counts against: nobody for this host; the network for IPv6, where one machine has 2^64 addresses.
fn source_of(peer: IpAddr) -> Option<IpAddr> {
    match peer.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(IpAddr::V4(address)),
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            Some(IpAddr::V6(Ipv6Addr::from_bits(network)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn enter(gate: &mut HalfOpen<u32>, peer: &str, handle: u32) -> Option<u32> {
        let (place, evicted) = gate.enter(ip(peer), Instant::now());
        gate.set_handle(place, handle);
        evicted
    }

    #[test]
    fn a_source_over_its_share_loses_its_own_oldest_connection() {
        let mut gate = HalfOpen::new(100, 2);
        assert_eq!(enter(&mut gate, "10.0.0.1", 1), None);
        assert_eq!(enter(&mut gate, "10.0.0.2", 2), None);
        assert_eq!(enter(&mut gate, "10.0.0.1", 3), None);
        assert_eq!(enter(&mut gate, "10.0.0.1", 4), Some(1));
        assert_eq!(gate.len(), 3);
    }

    #[test]
    fn a_network_of_ipv6_is_one_source() {
        let mut gate = HalfOpen::new(100, 1);
        assert_eq!(enter(&mut gate, "2001:db8::1", 1), None);
        assert_eq!(enter(&mut gate, "2001:db8::ffff:1", 2), Some(1));
        assert_eq!(enter(&mut gate, "2001:db8:0:1::1", 3), None);
    }

    #[test]
    fn strangers_go_before_the_nodes_of_this_host() {
        let mut gate = HalfOpen::new(3, 3);
        assert_eq!(enter(&mut gate, "127.0.0.1", 1), None);
        assert_eq!(enter(&mut gate, "10.0.0.1", 2), None);
        assert_eq!(enter(&mut gate, "::1", 3), None);
        assert_eq!(enter(&mut gate, "10.0.0.2", 4), Some(2));
        assert_eq!(enter(&mut gate, "127.0.0.1", 5), Some(4));
        assert_eq!(enter(&mut gate, "127.0.0.1", 6), Some(1));
        assert_eq!(gate.len(), 3);
    }

    #[test]
    fn who_leaves_is_forgotten() {
        let mut gate = HalfOpen::<u32>::new(10, 1);
        let (place, _) = gate.enter(ip("10.0.0.1"), Instant::now());
        gate.leave(place);
        gate.leave(place);
        gate.set_handle(place, 1);
        assert_eq!((gate.len(), gate.sources.len(), gate.evict()), (0, 0, None));
    }

    #[test]
    fn only_those_whose_time_is_over_expire() {
        let mut gate = HalfOpen::new(10, 10);
        let start = Instant::now();
        let places: Vec<Place> = (0..4)
            .map(|second| {
                let (place, _) = gate.enter(ip("127.0.0.1"), start + Duration::from_secs(second));
                gate.set_handle(place, second);
                place
            })
            .collect();
        gate.keep(places[0]);
        assert_eq!(gate.expired(start + Duration::from_secs(2)), [1, 2]);
        assert_eq!(gate.len(), 2);
    }
}
