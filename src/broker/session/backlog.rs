//! Messages that wait for one client: it is away, its window is full, or its connection is behind.
//!
//! Owns the waiting deliveries and their bounds. Must never know why they wait.

use std::collections::VecDeque;

use crate::session::Delivery;
use crate::time::Time;

/// What happened to a delivery that was to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queued {
    /// It waits.
    Yes,
    /// A bound was reached; it was dropped.
    Full,
}

/// Bounds of a backlog.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BacklogLimits {
    pub(crate) count_max: usize,
    pub(crate) bytes_max: usize,
}

/// Deliveries in the order in which they must be sent.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<Delivery>,
    bytes: usize,
}

impl Backlog {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Adds a delivery at the end. Expired ones make room first; their number is added to `expired`.
    pub(crate) fn push(
        &mut self,
        delivery: Delivery,
        limits: BacklogLimits,
        now: Time,
        expired: &mut u64,
    ) -> Queued {
        let size = delivery.message.size_bytes();
        if !self.has_room(size, limits) {
            *expired += self.drop_expired(now);
            if !self.has_room(size, limits) {
                return Queued::Full;
            }
        }
        self.bytes += size;
        self.waiting.push_back(delivery);
        Queued::Yes
    }

    /// Takes the delivery that must be sent next.
    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.waiting.pop_front()?;
        self.bytes -= delivery.message.size_bytes();
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
        Some(delivery)
    }

    /// Takes everything.
    pub(crate) fn drain(&mut self) -> Vec<Delivery> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting).into()
    }

    fn has_room(&self, size: usize, limits: BacklogLimits) -> bool {
        self.waiting.len() < limits.count_max && self.bytes + size <= limits.bytes_max
    }

    fn drop_expired(&mut self, now: Time) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|delivery| !delivery.is_expired(now));
        self.bytes = self.waiting.iter().map(|delivery| delivery.message.size_bytes()).sum();
        (before - self.waiting.len()) as u64
    }
}
