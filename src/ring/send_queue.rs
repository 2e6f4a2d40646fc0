//! Bytes waiting to be sent on one socket.
//!
//! Owns the segments and how far the first one has gone. Must never know a descriptor or an engine. Empty, it owns no
//! heap memory; with one segment, the usual case, nothing but that segment.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::spares::Spares;

/// A run of bytes to send.
pub enum Segment {
    /// Bytes of this socket alone. The buffer is recycled, see [`crate::Network::spare_buffer`].
    Bytes(Vec<u8>),
    /// Bytes that several sockets share. `as_ref` must give the same bytes each time.
    Shared(Rc<dyn AsRef<[u8]>>),
}

impl Segment {
    fn as_slice(&self) -> &[u8] {
        match self {
            Segment::Bytes(bytes) => bytes,
            Segment::Shared(shared) => (**shared).as_ref(),
        }
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Segment::Bytes(_)) { "Bytes" } else { "Shared" };
        write!(out, "{kind}({} bytes)", self.as_slice().len())
    }
}

/// Up to this many bytes are copied behind the last segment rather than kept as a segment of their own: one plain send
/// is cheaper than one that gathers.
const COPY_BYTES_MAX: usize = 1024;

/// A segment that is appended to grows no further than this.
const APPEND_BYTES_MAX: usize = 64 << 10;

/// Bytes waiting to be sent on one socket, in order.
#[derive(Debug)]
pub struct SendQueue {
    spares: Rc<Spares>,
    first: Option<Segment>,
    #[allow(clippy::box_collection)] // One word while there is one segment: nearly always.
    rest: Option<Box<VecDeque<Segment>>>,
    /// Bytes of `first` that are sent already.
    first_sent_bytes: usize,
    waiting_bytes: usize,
    /// Bytes that were taken out of this queue and are with the kernel.
    ahead_bytes: usize,
}

impl SendQueue {
    pub(crate) fn new(spares: Rc<Spares>) -> SendQueue {
        SendQueue { spares, first: None, rest: None, first_sent_bytes: 0, waiting_bytes: 0, ahead_bytes: 0 }
    }

    /// Bytes not yet taken by the kernel, including those of a send in progress.
    pub fn len_bytes(&self) -> usize {
        self.waiting_bytes + self.ahead_bytes
    }

    /// Whether every byte has been taken by the kernel.
    pub fn is_empty(&self) -> bool {
        self.len_bytes() == 0
    }

    /// Adds a segment. An empty one is dropped, a small one may be copied behind the last.
    pub fn push(&mut self, segment: Segment) {
        let bytes = segment.as_slice();
        let len_bytes = bytes.len();
        if len_bytes <= COPY_BYTES_MAX && (len_bytes == 0 || self.append(bytes)) {
            return self.recycle(segment);
        }
        self.waiting_bytes += len_bytes;
        if self.first.is_none() {
            self.first = Some(segment);
        } else {
            self.rest.get_or_insert_default().push_back(segment);
        }
    }

    /// Adds a copy of `bytes`.
    pub fn push_slice(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.append(bytes) {
            return;
        }
        let mut buffer = self.spares.take();
        buffer.extend_from_slice(bytes);
        self.waiting_bytes += bytes.len();
        if self.first.is_none() {
            self.first = Some(Segment::Bytes(buffer));
        } else {
            self.rest.get_or_insert_default().push_back(Segment::Bytes(buffer));
        }
    }

    /// Copies `bytes` behind the last segment, if that one is ours to change and does not grow too large.
    fn append(&mut self, bytes: &[u8]) -> bool {
        let last = match &mut self.rest {
            Some(rest) if !rest.is_empty() => rest.back_mut(),
            _ => self.first.as_mut(),
        };
        match last {
            Some(Segment::Bytes(last)) if last.len() + bytes.len() <= APPEND_BYTES_MAX => {
                last.extend_from_slice(bytes);
                self.waiting_bytes += bytes.len();
                true
            }
            _ => false,
        }
    }

    /// Whether bytes wait that the kernel has not been offered.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting_bytes > 0
    }

    /// The unsent slices, in order.
    pub(crate) fn slices(&self) -> impl Iterator<Item = &[u8]> {
        let first = self.first.as_ref().map(|first| {
            let slice = first.as_slice();
            // A shared segment may, against its contract, have become shorter.
            &slice[self.first_sent_bytes.min(slice.len())..]
        });
        first.into_iter().chain(self.rest.iter().flat_map(|rest| rest.iter().map(Segment::as_slice)))
    }

    /// Number of segments.
    pub(crate) fn segment_count(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    /// Forgets `sent_bytes` from the front, recycling the segments that are gone.
    pub(crate) fn advance(&mut self, sent_bytes: usize) {
        assert!(sent_bytes <= self.waiting_bytes, "the kernel sent no more than it was given");
        self.waiting_bytes -= sent_bytes;
        let mut left = sent_bytes;
        while let Some(first) = &self.first {
            let remaining = first.as_slice().len().saturating_sub(self.first_sent_bytes);
            if left < remaining {
                self.first_sent_bytes += left;
                return;
            }
            left -= remaining;
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        let next = self.rest.as_mut().and_then(|rest| rest.pop_front());
        if next.is_none() {
            self.rest = None;
        }
        self.first_sent_bytes = 0;
        if let Some(first) = std::mem::replace(&mut self.first, next) {
            self.recycle(first);
        }
        if self.first.is_none() {
            self.waiting_bytes = 0;
        }
    }

    fn recycle(&self, segment: Segment) {
        if let Segment::Bytes(buffer) = segment {
            self.spares.give(buffer);
        }
    }

    /// Takes what waits out of the queue, to be held still while the kernel sends it. It stays part of
    /// [`SendQueue::len_bytes`] until [`SendQueue::set_ahead`] says otherwise.
    pub(crate) fn split_off_waiting(&mut self) -> SendQueue {
        let mut waiting = std::mem::replace(self, SendQueue::new(Rc::clone(&self.spares)));
        self.ahead_bytes = waiting.waiting_bytes;
        waiting.ahead_bytes = 0;
        waiting
    }

    /// States how many bytes split off are still with the kernel.
    pub(crate) fn set_ahead(&mut self, bytes: usize) {
        self.ahead_bytes = bytes;
    }

    /// Drops what waits.
    pub(crate) fn clear(&mut self) {
        while self.first.is_some() {
            self.drop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> SendQueue {
        SendQueue::new(Rc::new(Spares::new(16, 1 << 20)))
    }

    fn flat(queue: &SendQueue) -> Vec<u8> {
        queue.slices().flatten().copied().collect()
    }

    #[test]
    fn small_pieces_become_one_segment_and_large_ones_stay_whole() {
        let mut queue = queue();
        queue.push_slice(b"one ");
        queue.push(Segment::Bytes(b"two ".to_vec()));
        assert_eq!(queue.segment_count(), 1);
        queue.push(Segment::Bytes(vec![b'x'; COPY_BYTES_MAX + 1]));
        queue.push(Segment::Shared(Rc::new(vec![b'y'; COPY_BYTES_MAX + 1])));
        queue.push_slice(b"end");
        assert_eq!(queue.segment_count(), 4);
        assert_eq!(queue.len_bytes(), 8 + 2 * (COPY_BYTES_MAX + 1) + 3);
        assert_eq!(flat(&queue).len(), queue.len_bytes());
    }

    #[test]
    fn nothing_is_appended_to_a_shared_segment() {
        let mut queue = queue();
        let shared: Rc<dyn AsRef<[u8]>> = Rc::new(b"shared".to_vec());
        queue.push(Segment::Shared(Rc::clone(&shared)));
        queue.push_slice(b" own");
        assert_eq!(flat(&queue), b"shared own");
        assert_eq!((*shared).as_ref(), b"shared");
    }

    #[test]
    fn every_split_of_an_advance_leaves_the_right_rest() {
        let whole: Vec<u8> = (0..40).collect();
        for at in 0..=40 {
            let mut queue = queue();
            for part in whole.chunks(10) {
                queue.push(Segment::Shared(Rc::new(part.to_vec())));
            }
            queue.advance(at);
            assert_eq!(flat(&queue), &whole[at..]);
            assert_eq!(queue.len_bytes(), 40 - at);
            assert_eq!(queue.segment_count(), (40 - at).div_ceil(10));
        }
    }

    #[test]
    fn what_was_split_off_still_counts_until_it_is_sent() {
        let mut queue = queue();
        queue.push_slice(b"first");
        let mut ahead = queue.split_off_waiting();
        queue.push_slice(b"then");
        assert_eq!((queue.len_bytes(), ahead.len_bytes()), (9, 5));
        ahead.advance(5);
        queue.set_ahead(0);
        assert_eq!(flat(&queue), b"then");
    }

    #[test]
    fn drained_it_owns_no_memory_and_its_buffer_is_recycled() {
        let mut queue = queue();
        queue.push_slice(&[7; 600]);
        queue.advance(600);
        assert!(queue.first.is_none() && queue.rest.is_none() && queue.is_empty());
        assert!(queue.spares.take().capacity() >= 600);
    }

    #[test]
    fn a_shared_segment_that_breaks_its_contract_does_no_harm() {
        struct Shrinking(std::cell::Cell<bool>);
        impl AsRef<[u8]> for Shrinking {
            fn as_ref(&self) -> &[u8] {
                if self.0.replace(true) { b"ab" } else { b"abcdef" }
            }
        }
        let mut queue = queue();
        queue.push(Segment::Shared(Rc::new(Shrinking(std::cell::Cell::new(false)))));
        queue.advance(4);
        assert_eq!(flat(&queue), b"");
        queue.clear();
        assert_eq!(queue.segment_count(), 0);
    }
}
