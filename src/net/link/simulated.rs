//! A link of the simulation: what is sent gathers in its queue until the test carries it to the other end.

use std::sync::Arc;

use bytes::BytesMut;

use super::{Link, LinkParams, Upper};
use crate::error::Result;
use crate::net::transport::Outgoing;
use crate::proto::frame;
use crate::proto::header::PacketReader;
use crate::runtime::Runtime;

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
