//! The reader of a link: packets split in place, checked, and handed up.

use std::sync::atomic::Ordering;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::{DownReason, Link, Pause, Upper};
use crate::error::{in_memory, Malformed, Result};
use crate::net::transport::{grow, Incoming};
use crate::proto::control::Control;
use crate::proto::frame;
use crate::proto::header::{PacketReader, Received};
use crate::runtime::make_way;
use crate::term::Atom;

/// Least room for one read: two of the fragments a BEAM sends.
const READ_SIZE: usize = 128 << 10;
/// Payloads up to this are copied out of the read buffer: a message that waits in a mailbox must not hold a buffer many
/// times its size, and a buffer that nobody holds is used again.
const COPY_BELOW: usize = 16 << 10;
/// Room for a read while the connection says little: a tick or a call. It grows when that was filled.
const QUIET_READ_SIZE: usize = 4 << 10;
/// Reads in a row before other tasks get their turn.
const READS_PER_TURN: usize = 8;

impl Link {
    /// The reader task.
    pub(super) async fn read_to_end<U: Upper>(
        self: Arc<Self>,
        stream: Incoming,
        leftover: BytesMut,
        packets: PacketReader,
        upper: Arc<U>,
    ) {
        let closing = self.closing.notified();
        let ended = tokio::select! {
            ended = self.read_all(stream, leftover, packets, &upper) => ended,
            () = closing => Ok(()),
        };
        let reason = match ended {
            Err(error) => DownReason::Malformed(error.to_string()),
            Ok(()) => DownReason::ConnectionClosed,
        };
        self.close(reason);
        let reason = self.reason.lock().clone().unwrap_or(DownReason::ConnectionClosed);
        upper.down(&self, reason);
        self.ended.send_replace(true);
    }

    pub(super) async fn read_all<U: Upper>(
        self: &Arc<Self>,
        mut stream: Incoming,
        leftover: BytesMut,
        mut packets: PacketReader,
        upper: &Arc<U>,
    ) -> Result<()> {
        let mut buffer = leftover;
        let mut reads = 0;
        let mut room = QUIET_READ_SIZE;
        loop {
            while !self.leaving.load(Ordering::Acquire) {
                let Some(packet) = frame::split(&mut buffer, self.max_message)? else { break };
                if let Some(room) = in_memory(|| self.take_packet(&mut packets, packet, upper))? {
                    self.wait_for(&room).await;
                }
            }
            if self.leaving.load(Ordering::Acquire) {
                buffer.clear();
            } else if self.reason.lock().is_some() {
                return Ok(());
            }
            if buffer.is_empty() && buffer.capacity() < room {
                buffer = BytesMut::new();
            }
            // Room for what is certain to come, but never more than doubles what has come. What is left of the buffer is
            // used up first: messages that wait would hold all of it.
            let missing = frame::missing(&buffer).min(buffer.len());
            if buffer.capacity() - buffer.len() < missing.max(room / 4) {
                grow(&mut buffer, missing.max(room))?;
            }
            reads += 1;
            if reads % READS_PER_TURN == 0 {
                make_way().await;
            }
            let free = buffer.capacity() - buffer.len();
            let came = tokio::select! {
                biased;
                came = stream.read(&mut buffer) => came,
                // Nobody talks: the big buffer is given back.
                () = self.quiet.notified(), if room > QUIET_READ_SIZE && buffer.is_empty() => {
                    room = QUIET_READ_SIZE;
                    buffer = BytesMut::new();
                    continue;
                }
            };
            match came {
                Ok(0) | Err(_) => return Ok(()),
                Ok(count) if count == free => room = READ_SIZE,
                Ok(_) => {}
            }
            self.received.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn take_packet<U: Upper>(
        self: &Arc<Self>,
        packets: &mut PacketReader,
        packet: Bytes,
        upper: &Arc<U>,
    ) -> Result<Option<Arc<Pause>>> {
        let message = match packets.read(packet)? {
            Received::Tick | Received::Partial => return Ok(None),
            Received::Message(message) => message,
        };
        let (control, length) = Control::decode(&message, packets.atoms(), &self.names)?;
        let mut payload = packets.payload(&message, length)?;
        let mut control = control;
        if let Some(encoded) = &mut payload {
            // What follows the term is ignored, as a BEAM does; what is no term ends the connection, as there.
            let (length, spelled) = crate::term::settle(encoded, packets.atoms())?;
            match spelled {
                Some(copy) => *encoded = copy.into(),
                None if length <= COPY_BELOW => {
                    *encoded = Bytes::copy_from_slice(encoded.get(..length).unwrap_or_default());
                }
                None => encoded.truncate(length),
            }
        }
        if !packets.atoms().is_empty() {
            expand_control(&mut control, packets.atoms())?;
        }
        Ok(upper.message(self, control, payload)?)
    }

    /// A mailbox is full: nothing is read until it has room. Meanwhile silence is our doing, not the peer's.
    pub(super) async fn wait_for(&self, room: &Pause) {
        self.reader_paused.store(true, Ordering::Relaxed);
        tokio::select! {
            () = room.wait() => {}
            () = self.closing.notified() => {}
        }
        self.reader_paused.store(false, Ordering::Relaxed);
    }
}

/// Spells out the cached atoms in the encoded parts of a control tuple that outlive their packet.
fn expand_control(control: &mut Control, atoms: &[Atom]) -> Result<(), Malformed> {
    let part = match control {
        Control::Exit { reason, .. }
        | Control::Exit2 { reason, .. }
        | Control::MonitorPExit { reason, .. } => reason,
        Control::SpawnRequest(request) => &mut request.options,
        _ => return Ok(()),
    };
    *part = crate::term::self_contained(part, atoms)?.into();
    Ok(())
}
