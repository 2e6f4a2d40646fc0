//! Messages that wait for one client: it is away, its window is full, or its connection is behind.
//!
//! Owns the waiting deliveries and their bounds. Must never know why they wait.

use std::collections::VecDeque;

use crate::policy::BacklogFull;
use crate::session::Delivery;
use crate::time::Time;

/// What was given up so that a delivery can wait, or the delivery itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct GivenUp {
    /// Deliveries that had expired.
    pub(crate) expired: u64,
    /// Deliveries that a bound left no room for.
    pub(crate) dropped: u64,
    /// The bound that left no room; none if there was enough.
    pub(crate) bound: Option<Bound>,
}

/// What a backlog is full in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bound {
    Count,
    Bytes,
}

/// Bounds of a backlog, and what happens when one is reached.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BacklogLimits {
    pub(crate) count_max: usize,
    pub(crate) bytes_max: usize,
    pub(crate) when_full: BacklogFull,
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

    /// Adds a delivery at the end. If there is no room, expired ones go first, then what the policy says.
    #[inline(always)]
    pub(crate) fn push(&mut self, delivery: Delivery, limits: BacklogLimits, now: Time) -> GivenUp {
        let size = delivery.message.size_bytes();
        if self.exceeded(size, limits).is_none() {
            self.add(delivery, size);
            return GivenUp::default();
        }
        self.push_beyond(delivery, limits, now)
    }

    #[inline(never)]
    fn push_beyond(&mut self, delivery: Delivery, limits: BacklogLimits, now: Time) -> GivenUp {
        let size = delivery.message.size_bytes();
        let given_up = self.make_room(size, limits, now);
        if limits.when_full != BacklogFull::Refuse && self.exceeded(size, limits).is_some() {
            return GivenUp { dropped: given_up.dropped + 1, ..given_up };
        }
        self.add(delivery, size);
        given_up
    }

    #[inline(always)]
    fn add(&mut self, delivery: Delivery, size: usize) {
        self.bytes += size;
        let expires = delivery.message.expires();
        self.expired_from = self.expired_from.into_iter().chain(expires).min();
        self.waiting.push_back(delivery);
    }

    fn make_room(&mut self, size: usize, limits: BacklogLimits, now: Time) -> GivenUp {
        let expired = self.drop_expired(now);
        let bound = self.exceeded(size, limits);
        let may_fit = limits.count_max > 0 && size <= limits.bytes_max;
        let mut dropped = 0;
        while limits.when_full == BacklogFull::DropOldest
            && may_fit
            && self.exceeded(size, limits).is_some()
            && self.pop().is_some()
        {
            dropped += 1;
        }
        GivenUp { expired, dropped, bound }
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

    /// Everything, to look at.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.waiting.iter()
    }

    /// Takes everything.
    pub(crate) fn drain(&mut self) -> Vec<Delivery> {
        std::mem::take(self).waiting.into()
    }

    /// The bound that is reached, if one is.
    pub(crate) fn reached(&self, limits: BacklogLimits) -> Option<Bound> {
        if self.waiting.len() >= limits.count_max {
            return Some(Bound::Count);
        }
        (self.bytes >= limits.bytes_max).then_some(Bound::Bytes)
    }

    /// Whether an eighth of both bounds is free, at least one delivery: what was full for a while is so no longer.
    pub(crate) fn has_room_again(&self, limits: BacklogLimits) -> bool {
        let count_max = limits.count_max.saturating_sub((limits.count_max / 8).max(1));
        self.waiting.len() <= count_max && self.bytes <= limits.bytes_max - limits.bytes_max / 8
    }

    /// When it is worth looking for expired deliveries. None: nothing here expires.
    pub(crate) fn expired_from(&self) -> Option<Time> {
        self.expired_from
    }

    /// The bound that a delivery of this size would exceed.
    fn exceeded(&self, size: usize, limits: BacklogLimits) -> Option<Bound> {
        if self.waiting.len() >= limits.count_max {
            return Some(Bound::Count);
        }
        (self.bytes + size > limits.bytes_max).then_some(Bound::Bytes)
    }

    /// Drops what has expired; returns how many.
    pub(crate) fn drop_expired(&mut self, now: Time) -> u64 {
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

/// How long nothing more is logged of what a backlog drops after a line about it, in milliseconds.
const QUIET_MS: u64 = 60_000;

/// What a backlog dropped since that was last logged.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    count: u64,
    /// Until then nothing is logged. None: nothing ever was.
    quiet_until: Option<Time>,
}

impl Drops {
    pub(crate) fn is_none(&self) -> bool {
        self.count == 0 && self.quiet_until.is_none()
    }

    /// Counts dropped deliveries.
    pub(crate) fn add(&mut self, count: u64) {
        self.count += count;
    }

    /// Takes what was dropped since the last line, if the next one may be written.
    pub(crate) fn take_line(&mut self, now: Time) -> Option<u64> {
        if self.quiet_until.is_some_and(|until| now < until) {
            return None;
        }
        self.quiet_until = Some(now.plus_ms(QUIET_MS));
        Some(std::mem::take(&mut self.count))
    }
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::Qos;

    use super::*;
    use crate::session::tests::delivery;

    const LIMITS: BacklogLimits =
        BacklogLimits { count_max: 3, bytes_max: usize::MAX, when_full: BacklogFull::DropNewest };

    /// Pushes a delivery at a time into a backlog of three; returns whether it waits and how many expired.
    fn push(backlog: &mut Backlog, now_ms: u64, expires_ms: Option<u64>) -> (bool, u64) {
        let delivery = delivery(expires_ms.map(Time::from_ms));
        let given_up = backlog.push(delivery, LIMITS, Time::from_ms(now_ms));
        (given_up.dropped == 0, given_up.expired)
    }

    #[test]
    fn expired_ones_make_room() {
        let mut backlog = Backlog::default();
        for expires_ms in [Some(3000), None, Some(1500)] {
            assert_eq!(push(&mut backlog, 0, expires_ms), (true, 0));
        }
        assert_eq!(push(&mut backlog, 1499, None), (false, 0));
        assert_eq!(push(&mut backlog, 1500, None), (true, 1));
        assert_eq!(push(&mut backlog, 2999, None), (false, 0));
        assert_eq!(push(&mut backlog, 3000, None), (true, 1));
        assert_eq!(push(&mut backlog, 100_000, None), (false, 0));
    }

    /// Each look costs a step for each delivery, and there may be a hundred thousand.
    #[test]
    fn a_full_backlog_is_not_looked_through_for_each_message() {
        let mut backlog = Backlog::default();
        for expires_ms in [None, Some(1000), Some(1001)] {
            push(&mut backlog, 0, expires_ms);
        }
        assert_eq!(push(&mut backlog, 1000, None), (true, 1));
        assert_eq!(push(&mut backlog, 1001, None), (false, 0), "it was just looked through");
        assert_eq!(push(&mut backlog, 2000, None), (true, 1));
        assert_eq!(backlog.expired_from, None, "nothing is left that expires");
        backlog.drain();
        assert_eq!(push(&mut backlog, 2000, Some(2500)), (true, 0));
        assert_eq!(backlog.expired_from, Some(Time::from_ms(2500)));
        backlog.pop();
        assert_eq!((backlog.expired_from, backlog.bytes), (None, 0));
    }

    /// Deliveries are told apart by their QoS here.
    fn of_qos(qos: Qos) -> Delivery {
        Delivery { qos, ..delivery(None) }
    }

    fn waiting(backlog: &Backlog) -> Vec<Qos> {
        backlog.waiting.iter().map(|delivery| delivery.qos).collect()
    }

    #[test]
    fn the_newest_or_the_oldest_goes() {
        use Qos::{AtLeastOnce, AtMostOnce, ExactlyOnce};
        for (when_full, left) in [
            (BacklogFull::DropNewest, [AtMostOnce, AtLeastOnce]),
            (BacklogFull::DropOldest, [AtLeastOnce, ExactlyOnce]),
        ] {
            let size = of_qos(AtMostOnce).message.size_bytes();
            for (limits, bound) in [
                (BacklogLimits { count_max: 2, when_full, ..LIMITS }, Bound::Count),
                (BacklogLimits { count_max: 9, bytes_max: 2 * size, when_full }, Bound::Bytes),
            ] {
                let mut backlog = Backlog::default();
                let given_up = [AtMostOnce, AtLeastOnce, ExactlyOnce]
                    .map(|qos| backlog.push(of_qos(qos), limits, Time::ZERO));
                let one = GivenUp { expired: 0, dropped: 1, bound: Some(bound) };
                assert_eq!(given_up, [GivenUp::default(), GivenUp::default(), one], "{when_full:?}");
                assert_eq!(waiting(&backlog), left, "{when_full:?}");
            }
        }
    }

    #[test]
    fn nothing_goes_for_what_can_never_fit() {
        let size = delivery(None).message.size_bytes();
        let when_full = BacklogFull::DropOldest;
        for narrow in [
            BacklogLimits { bytes_max: size - 1, when_full, ..LIMITS },
            BacklogLimits { count_max: 0, when_full, ..LIMITS },
        ] {
            let mut backlog = Backlog::default();
            backlog.push(delivery(None), LIMITS, Time::ZERO);
            assert_eq!(backlog.push(delivery(None), narrow, Time::ZERO).dropped, 1);
            assert_eq!(backlog.len(), 1);
        }
    }

    #[test]
    fn what_is_dropped_is_logged_once_a_minute() {
        let mut drops = Drops::default();
        let mut lines = Vec::new();
        for s in 0..150 {
            drops.add(1);
            lines.extend(drops.take_line(Time::from_ms(s * 1000)));
        }
        assert_eq!(lines, [1, 60, 60]);
    }
}
