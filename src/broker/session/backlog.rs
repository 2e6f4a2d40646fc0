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
    /// Before this time it is in vain to look for expired ones. None: nothing here expires.
    expired_from: Option<Time>,
}

/// A full backlog is looked through no more often than this, however many expiries it holds: each look costs a step for
/// each delivery.
const LOOK_EVERY_MS: u64 = 1000;

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
        let expires = delivery.message.expires();
        self.expired_from = self.expired_from.into_iter().chain(expires).min();
        self.waiting.push_back(delivery);
        Queued::Yes
    }

    /// Takes the delivery that must be sent next.
    pub(crate) fn pop(&mut self) -> Option<Delivery> {
        let delivery = self.waiting.pop_front()?;
        self.bytes -= delivery.message.size_bytes();
        if self.waiting.is_empty() {
            *self = Backlog::default();
        }
        Some(delivery)
    }

    /// Takes everything.
    pub(crate) fn drain(&mut self) -> Vec<Delivery> {
        std::mem::take(self).waiting.into()
    }

    fn has_room(&self, size: usize, limits: BacklogLimits) -> bool {
        self.waiting.len() < limits.count_max && self.bytes + size <= limits.bytes_max
    }

    fn drop_expired(&mut self, now: Time) -> u64 {
        if self.expired_from.is_none_or(|from| now < from) {
            return 0;
        }
        let before = self.waiting.len();
        self.waiting.retain(|delivery| !delivery.is_expired(now));
        self.bytes = self.waiting.iter().map(|delivery| delivery.message.size_bytes()).sum();
        let next = self.waiting.iter().filter_map(|delivery| delivery.message.expires()).min();
        self.expired_from = next.map(|next| next.max(now.plus_ms(LOOK_EVERY_MS)));
        (before - self.waiting.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::delivery;

    /// Pushes a delivery at a time into a backlog of three; returns what became of it and how many expired.
    fn push(backlog: &mut Backlog, now_ms: u64, expires_ms: Option<u64>) -> (Queued, u64) {
        let limits = BacklogLimits { count_max: 3, bytes_max: usize::MAX };
        let mut expired = 0;
        let delivery = delivery(expires_ms.map(Time::from_ms));
        let queued = backlog.push(delivery, limits, Time::from_ms(now_ms), &mut expired);
        (queued, expired)
    }

    #[test]
    fn expired_ones_make_room() {
        let mut backlog = Backlog::default();
        for expires_ms in [Some(3000), None, Some(1500)] {
            assert_eq!(push(&mut backlog, 0, expires_ms), (Queued::Yes, 0));
        }
        assert_eq!(push(&mut backlog, 1499, None), (Queued::Full, 0));
        assert_eq!(push(&mut backlog, 1500, None), (Queued::Yes, 1));
        assert_eq!(push(&mut backlog, 2999, None), (Queued::Full, 0));
        assert_eq!(push(&mut backlog, 3000, None), (Queued::Yes, 1));
        assert_eq!(push(&mut backlog, 100_000, None), (Queued::Full, 0));
    }

    /// Each look costs a step for each delivery, and there may be a hundred thousand.
    #[test]
    fn a_full_backlog_is_not_looked_through_for_each_message() {
        let mut backlog = Backlog::default();
        for expires_ms in [None, Some(1000), Some(1001)] {
            push(&mut backlog, 0, expires_ms);
        }
        assert_eq!(push(&mut backlog, 1000, None), (Queued::Yes, 1));
        assert_eq!(push(&mut backlog, 1001, None), (Queued::Full, 0), "it was just looked through");
        assert_eq!(push(&mut backlog, 2000, None), (Queued::Yes, 1));
        assert_eq!(backlog.expired_from, None, "nothing is left that expires");
        backlog.drain();
        assert_eq!(push(&mut backlog, 2000, Some(2500)), (Queued::Yes, 0));
        assert_eq!(backlog.expired_from, Some(Time::from_ms(2500)));
        backlog.pop();
        assert_eq!((backlog.expired_from, backlog.bytes), (None, 0));
    }
}
