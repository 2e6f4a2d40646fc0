//! Messages sent to a client and not yet fully acknowledged, in the order in which they were first sent.
//!
//! Owns the packet identifiers in use towards one client. Must never know a connection: whether a packet has been
//! sent on the present one is a mark that `resume` takes off.
//!
//! An identifier is the number of a slot plus one, so finding a message by its acknowledgement costs one index.
//! Freed slots are used again oldest first, which keeps a late duplicate acknowledgement from hitting a new message. That
//! makes the next free slot the one that was out of use longest: what must be read of it is kept apart from what is
//! written, small enough that all of it stays in a core's cache.

use std::mem;
use std::num::NonZeroU16;

use ringmq_protocol::{PacketId, Qos};

use crate::session::Delivery;

/// One step of an exchange that is under way.
#[derive(Debug)]
pub(crate) enum Step {
    /// PUBLISH is sent; PUBACK or PUBREC is awaited [MQTT-4.3.2-3, MQTT-4.3.3-3].
    Publish(Delivery),
    /// PUBREL is sent; PUBCOMP is awaited. The message is no longer needed [MQTT-4.3.3-6].
    Pubrel,
    /// Nobody uses this identifier.
    Free,
}

/// The place of a slot among the others.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Sent on the present connection, so it takes part of the window.
    sent: bool,
    /// Neighbours in order of sending; for a free slot `next` is the next free one. `END` where there is none.
    previous: u16,
    next: u16,
}

/// An acknowledgement under the identifier of an exchange that awaits another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct WrongKind;

const END: u16 = u16::MAX;

const NO_PLACE: Place = Place { sent: false, previous: END, next: END };

/// The exchanges under way towards one client.
#[derive(Debug)]
pub(crate) struct Inflight {
    /// By slot.
    steps: Vec<Step>,
    /// By slot.
    places: Vec<Place>,
    oldest: u16,
    newest: u16,
    free_first: u16,
    free_last: u16,
    /// Next slot to send again after a resume.
    resend: u16,
    count: u16,
    sent: u16,
}

impl Default for Inflight {
    fn default() -> Inflight {
        Inflight {
            steps: Vec::new(),
            places: Vec::new(),
            oldest: END,
            newest: END,
            free_first: END,
            free_last: END,
            resend: END,
            count: 0,
            sent: 0,
        }
    }
}

impl Inflight {
    /// Exchanges under way.
    pub(crate) fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Exchanges that take part of the send quota of the present connection [MQTT-4.9.0-2].
    pub(crate) fn sent(&self) -> u16 {
        self.sent
    }

    /// Whether exchanges of an earlier connection still wait to be sent again; they go before anything new.
    pub(crate) fn has_resend(&self) -> bool {
        self.resend != END
    }

    /// Begins an exchange; its PUBLISH counts as sent [MQTT-2.2.1-4]. The caller keeps within the window, which
    /// is at most 65,535 less one.
    pub(crate) fn open(&mut self, delivery: Delivery) -> PacketId {
        let index = self.take_free();
        let previous = self.newest;
        self.steps[usize::from(index)] = Step::Publish(delivery);
        self.places[usize::from(index)] = Place { sent: true, previous, next: END };
        match previous {
            END => self.oldest = index,
            _ => self.places[usize::from(previous)].next = index,
        }
        self.newest = index;
        self.count += 1;
        self.sent += 1;
        id_of(index)
    }

    /// PUBACK: ends a QoS 1 exchange. Tells whether the identifier is known.
    #[inline]
    pub(crate) fn puback(&mut self, id: PacketId) -> Result<bool, WrongKind> {
        match self.step(id) {
            Some(Step::Publish(delivery)) if delivery.qos == Qos::AtLeastOnce => {
                self.close(id);
                Ok(true)
            }
            Some(Step::Publish(_) | Step::Pubrel) => Err(WrongKind),
            Some(Step::Free) | None => Ok(false),
        }
    }

    /// PUBREC below 0x80: the message is with the client; PUBREL must follow [MQTT-4.3.3-4]. Tells whether the
    /// identifier is known, also when PUBREL was sent already.
    pub(crate) fn pubrec(&mut self, id: PacketId) -> Result<bool, WrongKind> {
        match self.step_mut(id) {
            Some(Step::Publish(delivery)) if delivery.qos != Qos::ExactlyOnce => Err(WrongKind),
            Some(step @ Step::Publish(_)) => {
                *step = Step::Pubrel;
                Ok(true)
            }
            Some(Step::Pubrel) => Ok(true),
            Some(Step::Free) | None => Ok(false),
        }
    }

    /// PUBREC of 0x80 or above: ends a QoS 2 exchange without repeat [MQTT-4.4.0-2]. Tells whether it did: not if the
    /// identifier is unknown, or the message was taken before.
    pub(crate) fn refuse(&mut self, id: PacketId) -> Result<bool, WrongKind> {
        match self.step(id) {
            Some(Step::Publish(delivery)) if delivery.qos != Qos::ExactlyOnce => Err(WrongKind),
            Some(Step::Publish(_)) => {
                self.close(id);
                Ok(true)
            }
            Some(Step::Pubrel | Step::Free) | None => Ok(false),
        }
    }

    /// PUBCOMP: ends a QoS 2 exchange. Tells whether the identifier is known.
    pub(crate) fn pubcomp(&mut self, id: PacketId) -> Result<bool, WrongKind> {
        match self.step(id) {
            Some(Step::Pubrel) => {
                self.close(id);
                Ok(true)
            }
            Some(Step::Publish(_)) => Err(WrongKind),
            Some(Step::Free) | None => Ok(false),
        }
    }

    /// A new connection: nothing has been sent on it, everything is to be sent again in order [MQTT-4.4.0-1].
    pub(crate) fn resume(&mut self) {
        for place in &mut self.places {
            place.sent = false;
        }
        self.sent = 0;
        self.resend = self.oldest;
    }

    /// The next exchange to send again, now marked as sent.
    pub(crate) fn next_resend(&mut self) -> Option<(PacketId, &Step)> {
        let index = self.resend;
        let place = self.places.get_mut(usize::from(index))?;
        self.resend = place.next;
        place.sent = true;
        self.sent += 1;
        Some((id_of(index), &self.steps[usize::from(index)]))
    }

    /// Ends an exchange that is not to be finished.
    pub(crate) fn abandon(&mut self, id: PacketId) {
        if matches!(self.step(id), Some(Step::Publish(_) | Step::Pubrel)) {
            self.close(id);
        }
    }

    /// The step of the next exchange to send again.
    pub(crate) fn peek_resend(&self) -> Option<&Step> {
        self.steps.get(usize::from(self.resend))
    }

    /// All messages not yet received by the client, in no order that means anything.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.steps.iter().filter_map(|step| match step {
            Step::Publish(delivery) => Some(delivery),
            Step::Pubrel | Step::Free => None,
        })
    }

    /// All messages not yet received by the client, oldest first; leaves nothing under way.
    pub(crate) fn drain(&mut self) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        while self.oldest != END {
            deliveries.extend(self.close(id_of(self.oldest)));
        }
        deliveries
    }

    fn step(&self, id: PacketId) -> Option<&Step> {
        self.steps.get(usize::from(id.get()) - 1)
    }

    fn step_mut(&mut self, id: PacketId) -> Option<&mut Step> {
        self.steps.get_mut(usize::from(id.get()) - 1)
    }

    fn take_free(&mut self) -> u16 {
        if self.free_first == END {
            let index = self.steps.len();
            assert!(index < usize::from(END), "the window keeps identifiers below 65,535");
            self.steps.push(Step::Free);
            self.places.push(NO_PLACE);
            return index as u16;
        }
        let index = self.free_first;
        self.free_first = self.places[usize::from(index)].next;
        if self.free_first == END {
            self.free_last = END;
        }
        index
    }

    fn close(&mut self, id: PacketId) -> Option<Delivery> {
        let index = id.get() - 1;
        let step = mem::replace(&mut self.steps[usize::from(index)], Step::Free);
        let place = mem::replace(&mut self.places[usize::from(index)], NO_PLACE);
        match place.previous {
            END => self.oldest = place.next,
            before => self.places[usize::from(before)].next = place.next,
        }
        match place.next {
            END => self.newest = place.previous,
            after => self.places[usize::from(after)].previous = place.previous,
        }
        if self.resend == index {
            self.resend = place.next;
        }
        match self.free_last {
            END => self.free_first = index,
            last => self.places[usize::from(last)].next = index,
        }
        self.free_last = index;
        self.count -= 1;
        self.sent -= u16::from(place.sent);
        match step {
            Step::Publish(delivery) => Some(delivery),
            Step::Pubrel | Step::Free => None,
        }
    }
}

fn id_of(index: u16) -> PacketId {
    NonZeroU16::new(index.wrapping_add(1)).expect("slots are numbered below 65,535")
}
