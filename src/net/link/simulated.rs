//! A link of the simulation: what is sent gathers in its queue until the test carries it to the other end.

use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use super::ticks::Silence;
use super::{Link, LinkParams, Upper};
use crate::error::Result;
use crate::net::transport::Outgoing;
use crate::proto::frame;
use crate::proto::header::PacketReader;
use crate::runtime::Runtime;

/// The ticker of a simulated link, by a clock that the test holds.
pub(crate) struct Ticker {
    silence: Silence,
    sent: u64,
}

impl Ticker {
    pub(crate) fn new(now: Instant) -> Ticker {
        Ticker { silence: Silence::new(now), sent: u64::MAX }
    }

    /// An interval is over: false if the peer was silent for too long, else ticks if nothing was sent.
    pub(crate) fn tick(&mut self, link: &Arc<Link>, now: Instant) -> bool {
        let heard = link.received.load(Ordering::Relaxed);
        if self.silence.look(now, heard, link.tick_interval()) >= link.patience() {
            return false;
        }
        self.sent = link.tick_unless_sent_since(self.sent);
        true
    }
}

impl Link {
    /// A link that never writes by itself.
    pub(crate) fn simulated(params: LinkParams, runtime: Arc<Runtime>) -> Arc<Link> {
        let link = Link::start(params, Outgoing::nowhere(), runtime);
        link.out.lock().writing = true;
        link
    }

    /// What was sent since the last time.
    pub(crate) fn take_sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.out.lock().buffer)
    }

    /// Something came, be it a part of a packet.
    pub(crate) fn heard(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Routes the whole packets in `buffer`, as the reader task does.
    pub(crate) fn take_in<U: Upper>(
        self: &Arc<Self>,
        packets: &mut PacketReader,
        buffer: &mut BytesMut,
        upper: &Arc<U>,
    ) -> Result<()> {
        while let Some(packet) = frame::split(buffer, self.max_message)? {
            self.take_packet(packets, packet, upper)?;
        }
        Ok(())
    }
}
