//! Recycled send buffers: in steady state sending allocates nothing.
//!
//! Owns empty `Vec`s, bounded in number and size. Must never know a socket.

use std::cell::RefCell;

/// Empty buffers of one network ring.
#[derive(Debug)]
pub(crate) struct Spares {
    buffers: RefCell<Vec<Vec<u8>>>,
    count_max: usize,
    bytes_max: usize,
}

/// Capacity of a new buffer, and the least worth keeping.
const BYTES_MIN: usize = 512;

impl Spares {
    pub(crate) fn new(count_max: u32, bytes_max: u32) -> Spares {
        Spares { buffers: RefCell::default(), count_max: count_max as usize, bytes_max: bytes_max as usize }
    }

    /// An empty buffer, used before if there is one.
    pub(crate) fn take(&self) -> Vec<u8> {
        let spare = self.buffers.borrow_mut().pop();
        spare.unwrap_or_else(|| Vec::with_capacity(BYTES_MIN))
    }

    /// Keeps a buffer for reuse, unless it is too large or too small, or enough are kept.
    pub(crate) fn give(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.borrow_mut();
        if (BYTES_MIN..=self.bytes_max).contains(&buffer.capacity()) && buffers.len() < self.count_max {
            buffer.clear();
            buffers.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_empty_and_the_pool_is_bounded() {
        let spares = Spares::new(2, 4096);
        for size in [600, 700, 800] {
            spares.give(vec![1; size]);
        }
        assert_eq!(spares.buffers.borrow().len(), 2);
        let buffer = spares.take();
        assert!(buffer.is_empty() && buffer.capacity() >= 600);
    }

    #[test]
    fn a_buffer_that_grew_too_large_is_not_kept() {
        let spares = Spares::new(2, 4096);
        spares.give(vec![0; 4097]);
        spares.give(Vec::new());
        assert!(spares.buffers.borrow().is_empty());
    }
}
