//! The receive buffers that all sockets share with the kernel (a provided-buffer ring).
//!
//! Owns their memory, which of them the kernel has, and the chains of those that hold bytes nobody has taken yet. Must
//! never know sockets. The kernel takes a buffer only when bytes have arrived, so that an idle socket owns none.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::Submitter;
use io_uring::types::BufRingEntry;

use crate::socket::{Kept, NO_BUFFER};

/// Buffers given to the kernel before there is any sign that more are needed.
const IN_USE_AT_FIRST: u16 = 64;

/// The one group of provided buffers of a ring.
pub(crate) const GROUP: u16 = 0;

/// Anonymous memory of its own pages.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

impl Pages {
    fn new(len: usize) -> io::Result<Pages> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping, at an address of the kernel's choice, touches no existing memory.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).expect("mmap without MAP_FIXED never returns page zero");
        Ok(Pages { start, len })
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and whoever drops it has made sure that neither we nor the kernel use it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The buffers of one ring.
#[derive(Debug)]
pub(crate) struct Buffers {
    entries: Pages,
    memory: Pages,
    count: u16,
    buffer_bytes: u32,
    /// Where the next entry goes; runs ahead of what the kernel has been shown.
    tail: u16,
    /// Buffers that are not with the kernel.
    taken: u16,
    /// Buffers in use; those beyond have never been given to the kernel and take no memory.
    in_use: u16,
    /// Whether the kernel had hardly any left since the last time it was shown more.
    taken_most: bool,
    /// For each buffer that waits in a chain: the one after it, and the bytes it holds.
    next: Box<[u16]>,
    filled_bytes: Box<[u32]>,
}

impl Buffers {
    /// Buffers that the kernel does not know yet. `count` is a power of two.
    pub(crate) fn new(count: u16, buffer_bytes: u32) -> io::Result<Buffers> {
        assert!(count.is_power_of_two(), "the kernel counts positions modulo the number of buffers");
        let mut buffers = Buffers {
            entries: Pages::new(usize::from(count) * size_of::<BufRingEntry>())?,
            memory: Pages::new(usize::from(count) * buffer_bytes as usize)?,
            count,
            buffer_bytes,
            tail: 0,
            taken: count,
            in_use: 0,
            taken_most: false,
            next: vec![NO_BUFFER; count.into()].into_boxed_slice(),
            filled_bytes: vec![0; count.into()].into_boxed_slice(),
        };
        buffers.use_more(count.min(IN_USE_AT_FIRST));
        buffers.publish();
        Ok(buffers)
    }

    /// Gives all buffers to the kernel.
    ///
    /// # Safety
    /// The ring must be gone, or hold no receive any more, before `self` is dropped.
    pub(crate) unsafe fn register(&self, ring: &Submitter<'_>) -> io::Result<()> {
        // SAFETY: the entries are page-aligned, `count` of them, and live as long as the caller promises.
        unsafe { ring.register_buf_ring_with_flags(self.entries.start.as_ptr() as u64, self.count, GROUP, 0) }
    }

    /// Notes that the kernel has filled a buffer and handed it to us.
    pub(crate) fn take(&mut self, id: u16) {
        assert!(id < self.count, "the kernel chooses among the buffers it was given");
        self.taken += 1;
        self.taken_most |= self.free_count() <= self.in_use / 4;
    }

    /// Buffers that the kernel has.
    pub(crate) fn free_count(&self) -> u16 {
        self.count - self.taken
    }

    /// The first `len` bytes of a buffer that was taken.
    pub(crate) fn bytes(&mut self, id: u16, len: u32) -> &mut [u8] {
        assert!(id < self.count && len <= self.buffer_bytes, "the kernel stays within the buffer");
        let start = usize::from(id) * self.buffer_bytes as usize;
        // SAFETY: the range lies within the mapping, whose bytes are initialised (zero pages), and the kernel does not
        // touch a buffer between handing it to us and getting it back.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start.as_ptr().add(start), len as usize) }
    }

    /// Gives a buffer back; the kernel sees it after [`Buffers::publish`].
    pub(crate) fn recycle(&mut self, id: u16) {
        let slot = usize::from(self.tail & (self.count - 1));
        // SAFETY: `slot` is within the entries and behind the tail that the kernel has been shown, so the entry is ours.
        // The entry's fourth field shares its place with the tail in slot 0 and is left alone.
        unsafe {
            let address = self.memory.start.as_ptr().add(usize::from(id) * self.buffer_bytes as usize);
            let entry = &mut *self.entries.start.as_ptr().cast::<BufRingEntry>().add(slot);
            entry.set_addr(address as u64);
            entry.set_len(self.buffer_bytes);
            entry.set_bid(id);
        }
        self.tail = self.tail.wrapping_add(1);
        self.taken -= 1;
    }

    /// Gives the kernel buffers that were never used before.
    fn use_more(&mut self, count: u16) {
        let first = self.in_use;
        self.in_use = (first + count).min(self.count);
        (first..self.in_use).for_each(|id| self.recycle(id));
    }

    /// Shows the kernel what was given back, and twice as many buffers once it had taken most of those in use. The
    /// kernel takes buffers in turn, so each one in use soon has memory of its own: a quiet thread should have few.
    pub(crate) fn publish(&mut self) {
        if self.in_use < self.count && self.taken_most {
            self.use_more(self.in_use);
        }
        self.taken_most = false;
        // SAFETY: the tail lies in the first entry, is aligned, and is written by us alone and read by the kernel.
        let tail = unsafe {
            let tail = BufRingEntry::tail(self.entries.start.as_ptr().cast());
            AtomicU16::from_ptr(tail.cast_mut())
        };
        tail.store(self.tail, Ordering::Release);
    }

    /// Puts a buffer at the end of a chain.
    pub(crate) fn keep(&mut self, kept: &mut Kept, id: u16, filled_bytes: u32) {
        self.filled_bytes[usize::from(id)] = filled_bytes;
        self.next[usize::from(id)] = NO_BUFFER;
        if kept.first == NO_BUFFER {
            kept.first = id;
        } else {
            self.next[usize::from(kept.last)] = id;
        }
        kept.last = id;
    }

    /// Takes the first buffer out of a chain, with the number of bytes it holds.
    pub(crate) fn unkeep(&mut self, kept: &mut Kept) -> Option<(u16, u32)> {
        let id = kept.first;
        if id == NO_BUFFER {
            return None;
        }
        kept.first = self.next[usize::from(id)];
        if kept.first == NO_BUFFER {
            kept.last = NO_BUFFER;
        }
        Some((id, self.filled_bytes[usize::from(id)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_gives_back_in_order_what_was_kept() {
        let mut buffers = Buffers::new(8, 64).unwrap();
        let mut kept = Kept::NONE;
        for (id, len) in [(3, 10), (1, 20), (7, 30)] {
            buffers.take(id);
            buffers.keep(&mut kept, id, len);
        }
        assert_eq!(buffers.free_count(), 5);
        assert_eq!(buffers.unkeep(&mut kept), Some((3, 10)));
        buffers.take(0);
        buffers.keep(&mut kept, 0, 40);
        assert_eq!(buffers.unkeep(&mut kept), Some((1, 20)));
        assert_eq!(buffers.unkeep(&mut kept), Some((7, 30)));
        assert_eq!(buffers.unkeep(&mut kept), Some((0, 40)));
        assert_eq!(buffers.unkeep(&mut kept), None);
    }

    #[test]
    fn buffers_do_not_overlap() {
        let mut buffers = Buffers::new(4, 64).unwrap();
        for id in 0..4 {
            buffers.take(id);
            buffers.bytes(id, 64).fill(id as u8 + 1);
        }
        for id in 0..4 {
            assert!(buffers.bytes(id, 64).iter().all(|byte| *byte == id as u8 + 1));
        }
    }
}
