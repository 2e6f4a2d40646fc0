//! Publishes under way: packet identifiers, their handshakes and the window.
//!
//! Owns which identifier waits for what, and which message it stands for. Must never know topics or payloads: what is to be
//! sent again is written again from its origin.

use std::collections::VecDeque;

use ringmq_protocol::{PacketId, PacketType, Qos};

use crate::clock::Nanos;

/// While fewer identifiers than this are free, a new one is preferred.
const REST: usize = 32;

/// What an identifier waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Awaits {
    Nothing,
    Puback,
    Pubrec,
    Pubcomp,
}

/// The sender of what is no message of a lane: an answer.
pub(crate) const NO_SENDER: u32 = u32::MAX;

/// Which message a publish is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Origin {
    pub(crate) sender: u32,
    /// Its number among those of its sender.
    pub(crate) sequence: u32,
    /// When it was meant to leave, and when it left.
    pub(crate) intended: Nanos,
    pub(crate) sent: Nanos,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    awaits: Awaits,
    /// Ascends from publish to publish.
    turn: u32,
    origin: Origin,
}

/// A publish that a new connection has to go on with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unfinished {
    /// Nothing has been heard of it: PUBLISH is due again.
    Publish(PacketId, Origin),
    /// PUBREC has come: PUBREL is due again.
    Release(PacketId),
}

/// What an acknowledgement brought about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// The publish is done.
    Done(Origin),
    /// PUBREL is to be sent.
    Release,
}

/// The publishes of one client that are not acknowledged.
#[derive(Debug)]
pub(crate) struct Outflow {
    /// By identifier, less 1. Grows with what is under way, up to the window.
    slots: Vec<Slot>,
    /// Identifiers in the order of their release: one comes back as late as possible, so that a wrong second
    /// acknowledgement hits an identifier that waits for nothing.
    free: VecDeque<PacketId>,
    window: u16,
    pub(super) count: u16,
    next_turn: u32,
}

impl Outflow {
    /// Nothing under way; at most `window` publishes at a time.
    pub(crate) fn new(window: u16) -> Outflow {
        Outflow { slots: Vec::new(), free: VecDeque::new(), window, count: 0, next_turn: 0 }
    }

    /// Lowers the window to what the broker takes [MQTT-3.3.4-7].
    pub(crate) fn narrow(&mut self, receive_maximum: u16) {
        self.window = self.window.min(receive_maximum);
    }

    pub(crate) fn has_room(&self) -> bool {
        self.count < self.window
    }

    /// An identifier for a publish at QoS 1 or 2.
    ///
    /// # Panics
    /// If there is no room.
    pub(crate) fn begin(&mut self, qos: Qos, origin: Origin) -> PacketId {
        assert!(self.has_room(), "the caller has asked for room");
        let awaits = if qos == Qos::ExactlyOnce { Awaits::Pubrec } else { Awaits::Puback };
        let slot = Slot { awaits, turn: self.next_turn, origin };
        self.next_turn = self.next_turn.wrapping_add(1);
        self.count += 1;
        if self.free.len() < REST && self.slots.len() < usize::from(self.window) {
            self.slots.push(slot);
            return PacketId::new(self.slots.len() as u16).expect("a length after a push is not 0");
        }
        let id = self.free.pop_front().expect("below the window, an identifier is free");
        self.slots[usize::from(id.get()) - 1] = slot;
        id
    }

    /// Notes a PUBACK, PUBREC or PUBCOMP; `None` if the identifier does not wait for it.
    pub(crate) fn acknowledge(&mut self, kind: PacketType, id: PacketId) -> Option<Step> {
        let slot = self.slots.get_mut(usize::from(id.get()) - 1)?;
        match (slot.awaits, kind) {
            (Awaits::Puback, PacketType::Puback) | (Awaits::Pubcomp, PacketType::Pubcomp) => {
                Some(Step::Done(self.end(id)))
            }
            (Awaits::Pubrec, PacketType::Pubrec) => {
                slot.awaits = Awaits::Pubcomp;
                Some(Step::Release)
            }
            _ => None,
        }
    }

    /// Notes a PUBREC that refuses the message: its identifier is free without PUBREL [MQTT-4.3.3-4].
    pub(crate) fn refuse(&mut self, id: PacketId) -> Option<Origin> {
        let slot = self.slots.get(usize::from(id.get()) - 1)?;
        (slot.awaits == Awaits::Pubrec).then(|| self.end(id))
    }

    fn end(&mut self, id: PacketId) -> Origin {
        let slot = &mut self.slots[usize::from(id.get()) - 1];
        slot.awaits = Awaits::Nothing;
        let origin = slot.origin;
        self.free.push_back(id);
        self.count -= 1;
        origin
    }

    /// What is under way, in the order of its first sending.
    pub(crate) fn unfinished(&self) -> Vec<Unfinished> {
        let mut all: Vec<(u32, Unfinished)> = Vec::new();
        for (at, slot) in self.slots.iter().enumerate() {
            let id = PacketId::new(at as u16 + 1).expect("an index and one is not 0");
            let age = self.next_turn.wrapping_sub(slot.turn);
            match slot.awaits {
                Awaits::Nothing => {}
                Awaits::Puback | Awaits::Pubrec => all.push((age, Unfinished::Publish(id, slot.origin))),
                Awaits::Pubcomp => all.push((age, Unfinished::Release(id))),
            }
        }
        all.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
        all.into_iter().map(|(_, unfinished)| unfinished).collect()
    }

    /// Forgets the answers under way.
    pub(crate) fn drop_answers(&mut self) {
        for at in 0..self.slots.len() {
            let Slot { awaits, origin, .. } = self.slots[at];
            if awaits != Awaits::Nothing && origin.sender == NO_SENDER {
                self.end(PacketId::new(at as u16 + 1).expect("an index and one is not 0"));
            }
        }
    }

    /// Forgets everything under way, and tells each publish.
    pub(crate) fn abandon(&mut self, mut tell: impl FnMut(Origin)) {
        for slot in self.slots.drain(..).filter(|slot| slot.awaits != Awaits::Nothing) {
            tell(slot.origin);
        }
        self.free.clear();
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
    }

    fn at(intended: Nanos) -> Origin {
        Origin { intended, ..Origin::default() }
    }

    #[test]
    fn what_is_unfinished_comes_in_the_order_of_its_sending() {
        let mut outflow = Outflow::new(3);
        let first = outflow.begin(Qos::AtLeastOnce, at(1));
        let second = outflow.begin(Qos::ExactlyOnce, at(2));
        outflow.acknowledge(PacketType::Puback, first);
        outflow.begin(Qos::AtLeastOnce, at(3));
        let again = outflow.begin(Qos::AtLeastOnce, at(4));
        assert_eq!(again, first, "a lower identifier, a later message");
        outflow.acknowledge(PacketType::Pubrec, second);
        let expected = [
            Unfinished::Release(second),
            Unfinished::Publish(id(3), at(3)),
            Unfinished::Publish(first, at(4)),
        ];
        assert_eq!(outflow.unfinished(), expected);
        let mut told = Vec::new();
        outflow.abandon(|origin| told.push(origin.intended));
        told.sort_unstable();
        assert_eq!(told, [2, 3, 4]);
        assert!(outflow.has_room() && outflow.unfinished().is_empty());
    }

    #[test]
    fn the_window_bounds_what_is_under_way_and_identifiers_come_back() {
        let mut outflow = Outflow::new(2);
        assert_eq!(outflow.begin(Qos::AtLeastOnce, at(10)), id(1));
        assert_eq!(outflow.begin(Qos::AtLeastOnce, at(20)), id(2));
        assert!(!outflow.has_room());
        assert_eq!(outflow.acknowledge(PacketType::Puback, id(2)), Some(Step::Done(at(20))));
        assert_eq!(outflow.begin(Qos::AtLeastOnce, at(30)), id(2));
        assert_eq!(outflow.acknowledge(PacketType::Puback, id(1)), Some(Step::Done(at(10))));
        assert_eq!(outflow.count, 1);
    }

    #[test]
    fn qos_2_takes_three_answers_in_their_order() {
        let mut outflow = Outflow::new(10);
        let it = outflow.begin(Qos::ExactlyOnce, at(5));
        assert_eq!(outflow.acknowledge(PacketType::Pubcomp, it), None);
        assert_eq!(outflow.acknowledge(PacketType::Puback, it), None);
        assert_eq!(outflow.acknowledge(PacketType::Pubrec, it), Some(Step::Release));
        assert_eq!(outflow.acknowledge(PacketType::Pubrec, it), None);
        assert_eq!(outflow.acknowledge(PacketType::Pubcomp, it), Some(Step::Done(at(5))));
        let refused = outflow.begin(Qos::ExactlyOnce, at(6));
        assert_eq!(outflow.refuse(refused), Some(at(6)));
        assert_eq!(outflow.count, 0);
    }

    #[test]
    fn a_second_acknowledgement_is_noticed() {
        let mut outflow = Outflow::new(3);
        let first = outflow.begin(Qos::AtLeastOnce, at(1));
        assert!(outflow.acknowledge(PacketType::Puback, first).is_some());
        outflow.begin(Qos::AtLeastOnce, at(2));
        assert_eq!(outflow.acknowledge(PacketType::Puback, first), None);
        assert_eq!(outflow.acknowledge(PacketType::Puback, id(9)), None);
    }

    #[test]
    fn the_broker_may_narrow_the_window() {
        let mut outflow = Outflow::new(100);
        outflow.narrow(1);
        outflow.begin(Qos::AtLeastOnce, at(1));
        assert!(!outflow.has_room());
    }
}
