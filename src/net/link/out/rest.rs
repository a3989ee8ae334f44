//! A big message on its way: its fragments leave from the sender's memory while nobody else writes, else by the queue.
//!
//! Always true: what has begun to leave is completed, by its sender or from the queue.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Instant;

use super::super::{DownReason, Link};
use super::Out;
use crate::error::{no_memory, Result};
use crate::proto::header::{Fragmenter, FRAGMENT_HEAD};
use crate::term::Pid;

/// Fragments handed to the kernel at a time, at most; other senders' messages pass between them.
const SLICES: usize = 4;

/// What is left of a message in fragments. Other packets pass between its pieces; dropped before its end, what is left
/// is appended at once, for half a message cannot be taken back.
pub(crate) struct Rest<'a> {
    pub(super) link: &'a Link,
    pub(super) from: Option<Pid>,
    /// The first packet, until it has left; only while `held`.
    pub(super) first: Vec<u8>,
    /// Where the rest of the first packet is, if that is the whole message.
    pub(super) payload: &'a [u8],
    pub(super) fragments: Option<Fragmenter<&'a [u8]>>,
    /// This sender is the one who writes, and the kernel has got so many bytes of the next packet.
    pub(super) held: Option<usize>,
}

/// How far [`Rest::advance`] came.
pub(crate) enum Progress {
    /// Nothing is left.
    Done,
    /// Go on when there is room in the queue.
    Room,
    /// Go on when the kernel takes more: until then nobody else writes if it has begun to take a packet.
    Kernel,
    /// Go on then; only for a caller who stays.
    Later(Instant),
}

impl Rest<'_> {
    /// Hands packets to the kernel from where the payload is while nobody else writes, or appends what the queue has room
    /// for. A caller who `stays` goes on at once after [`Progress::Kernel`]; for others the writer task completes the
    /// packet that the kernel has begun to take.
    pub(crate) fn advance(&mut self, stays: bool) -> Result<Progress> {
        let link = self.link;
        let mut out = link.out.lock();
        while !out.closed && (self.held.is_some() || link.is_idle(&out)) {
            let now = Instant::now();
            if self.held.is_none() {
                if let Some(turn) = out.pace.turn(now) {
                    return Ok(self.later(&mut out, turn, stays));
                }
                if !out.pace.is_fast() && !link.transport.has_room() {
                    out.pace.measure(now);
                    link.suit(&mut out);
                    return Ok(self.once_room(&mut out, stays));
                }
            }
            out.in_batch = 0;
            link.adapt(&mut out, now);
            // Others wait for the packet that has begun to leave, not for more.
            let most = match out.buffer.is_empty() {
                true => out.pace.fragments(SLICES, now),
                false => 1,
            };
            out.writing = true;
            drop(out);
            let (packets, sent, blocked) = self.write_slices(most);
            out = link.out.lock();
            out.packets += packets;
            out.pace.take(sent, now);
            if blocked && !out.closed {
                out.pace.measure(Instant::now());
                link.suit(&mut out);
                if stays {
                    out.in_batch = self.begun();
                    return Ok(Progress::Kernel);
                }
                let done = self.hand_over(&mut out);
                drop(out);
                let Ok(done) = done else {
                    link.close(DownReason::NoMemory);
                    return Err(no_memory());
                };
                link.write.notify_one();
                return Ok(if done { Progress::Done } else { Progress::Room });
            }
            self.held = None;
            let done = self.is_done(&mut out);
            if done || !out.buffer.is_empty() || out.closed {
                link.write_here(out);
                if done {
                    return Ok(Progress::Done);
                }
                out = link.out.lock();
            } else {
                out.writing = false;
            }
        }
        if out.closed {
            self.held = None;
            return Err(link.lost());
        }
        let now = Instant::now();
        link.adapt(&mut out, now);
        let mut turn = None;
        if let Some(fragments) = &mut self.fragments {
            while out.waiting() < out.pace.ahead() {
                turn = out.pace.turn(now);
                if turn.is_some() {
                    break;
                }
                let part = fragments.next_part();
                out.make_room(part)?;
                out.pace.spend(part, now);
                if !fragments.write_next(&mut out.buffer) {
                    break;
                }
            }
        }
        out.packets += 1;
        let progress = match (self.is_done(&mut out), turn) {
            (true, _) => Progress::Done,
            (false, Some(turn)) => self.later(&mut out, turn, stays),
            (false, None) => Progress::Room,
        };
        link.push_now(out);
        Ok(progress)
    }

    /// Others have their turn first.
    fn later(&self, out: &mut Out, turn: Instant, stays: bool) -> Progress {
        if stays {
            return Progress::Later(turn);
        }
        self.link.wake_after(out, async move |_| tokio::time::sleep_until(turn.into()).await);
        Progress::Room
    }

    /// What the network carries in a while waits in the kernel.
    fn once_room(&self, out: &mut Out, stays: bool) -> Progress {
        if stays {
            return Progress::Kernel;
        }
        self.link.wake_after(out, async |link: Arc<Link>| link.kernel().await);
        Progress::Room
    }

    /// Whether nothing is left; the sender's signals may follow then.
    fn is_done(&mut self, out: &mut Out) -> bool {
        let done = self.nothing_left();
        if done {
            out.pace.finish();
            self.link.whole(out, self.from.take());
        }
        done
    }

    fn nothing_left(&self) -> bool {
        self.first.is_empty() && self.fragments.as_ref().is_none_or(Fragmenter::is_done)
    }

    /// The packet that is `ahead` packets after the next one, if the first has left.
    fn peek(&self, ahead: usize) -> Option<([u8; FRAGMENT_HEAD], &[u8])> {
        self.fragments.as_ref()?.peek(ahead)
    }

    fn skip(&mut self, packets: usize) {
        if let Some(fragments) = &mut self.fragments {
            fragments.skip(packets);
        }
    }

    /// Bytes left of the packet that the kernel has begun to take.
    pub(super) fn begun(&self) -> usize {
        let length = match self.first.len() {
            0 => self.peek(0).map_or(0, |(head, part)| head.len() + part.len()),
            length => length + self.payload.len(),
        };
        length.saturating_sub(self.held.unwrap_or_default())
    }

    /// Leaves the packet that the kernel has begun to take to the writer task, who is to be told.
    fn hand_over(&mut self, out: &mut Out) -> Result<bool> {
        let taken = self.held.take().unwrap_or_default();
        let packet = match (self.first.is_empty(), self.peek(0)) {
            (true, Some((head, part))) => behind(&head, part, taken)?,
            (true, None) => Vec::new(),
            (false, _) => behind(&self.first, self.payload, taken)?,
        };
        match self.first.is_empty() {
            true => self.skip(1),
            false => self.first.clear(),
        }
        out.in_batch = packet.len();
        out.rest = packet;
        Ok(self.is_done(out))
    }

    /// Hands the next packets, `most` at most after the one begun, to the kernel; how many packets and bytes left,
    /// and whether it wants no more.
    fn write_slices(&mut self, most: usize) -> (u64, usize, bool) {
        let packets: [_; SLICES] = std::array::from_fn(|ahead| match ahead < most {
            true => self.peek(ahead),
            false => None,
        });
        let first = [&self.first[..], self.payload];
        let mut taken = self.held.unwrap_or_default();
        let mut slices = [IoSlice::new(&[]); 2 * SLICES + 2];
        let (mut count, mut total, mut skip) = (0, 0, taken);
        let parts = packets.iter().flatten().flat_map(|(head, part)| [&head[..], part]);
        for piece in first.into_iter().chain(parts) {
            let known = skip.min(piece.len());
            skip -= known;
            if let (Some(slice), Some(piece @ [_, ..])) = (slices.get_mut(count), piece.get(known..)) {
                *slice = IoSlice::new(piece);
                count += 1;
                total += piece.len();
            }
        }
        let sent = match self.link.transport.try_send_slices(slices.get(..count).unwrap_or_default(), total) {
            Ok(sent) => sent,
            Err(_) => {
                self.link.close(DownReason::ConnectionClosed);
                0
            }
        };
        taken += sent;
        let length = first[0].len() + first[1].len();
        let mut skip = 0;
        let opened = length > 0 && taken >= length;
        if opened || length == 0 {
            taken -= length;
            for (head, part) in packets.iter().flatten() {
                let length = head.len() + part.len();
                if taken < length {
                    break;
                }
                taken -= length;
                skip += 1;
            }
        }
        if opened {
            self.first.clear();
            self.payload = &[];
        }
        self.skip(skip);
        self.held = Some(taken);
        (u64::from(opened) + skip as u64, sent, sent < total)
    }
}

/// What follows the first `taken` bytes of two pieces.
fn behind(head: &[u8], part: &[u8], taken: usize) -> Result<Vec<u8>> {
    let head_left = head.get(taken..).unwrap_or_default();
    let part_left = part.get(taken.saturating_sub(head.len())..).unwrap_or_default();
    let mut left = Vec::new();
    left.try_reserve_exact(head_left.len() + part_left.len()).map_err(|_| no_memory())?;
    left.extend_from_slice(head_left);
    left.extend_from_slice(part_left);
    Ok(left)
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        if self.nothing_left() {
            return;
        }
        let mut out = self.link.out.lock();
        if out.closed {
            return;
        }
        let remaining = self.fragments.as_ref().map_or(0, Fragmenter::remaining);
        let room = out.make_room(remaining).and_then(|()| match self.held {
            Some(_) => self.hand_over(&mut out).map(drop),
            None => Ok(()),
        });
        if room.is_err() {
            drop(out);
            return self.link.close(DownReason::NoMemory);
        }
        if let Some(fragments) = &mut self.fragments {
            while fragments.write_next(&mut out.buffer) {}
        }
        self.is_done(&mut out);
        match out.rest.is_empty() {
            true => self.link.push_now(out),
            // The writer task has its turn.
            false => {
                drop(out);
                self.link.write.notify_one();
            }
        }
    }
}
