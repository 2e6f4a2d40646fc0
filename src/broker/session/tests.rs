//! What a session promises of its size, its expiry and its quotas.

use super::*;
use crate::message::{Meter, Parts};

/// A message at QoS 1 that expires at this time, if ever.
pub(super) fn delivery(expires: Option<Time>) -> Delivery {
    let (qos, retain) = (Qos::AtLeastOnce, Retain::No);
    let parts = Parts { topic: "t", passed_on: &[], payload: &[], qos, retain, expires };
    let message = Message::new(&parts, &Meter::default());
    Delivery { message, qos, retain, identifiers: Identifiers::None, group: None }
}

/// A million sessions: the figure is promised, so it is watched.
#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Session>() <= 96, "{}", size_of::<Session>());
    assert!(size_of::<Delivery>() <= 48, "{}", size_of::<Delivery>());
}

#[test]
fn expiry_reads_the_wire_values() {
    for (s, expiry) in [(0, Expiry::AtOnce), (1, Expiry::After(1)), (u32::MAX, Expiry::Never)] {
        assert_eq!(Expiry::from_s(s), expiry);
        assert_eq!(expiry.as_s(), s);
    }
}

/// A client may have nearly all packet identifiers under way: it gets every message again, but no new one [MQTT-4.4.0-1].
#[test]
fn what_has_a_packet_identifier_may_be_repeated_when_there_is_none_for_more() {
    let delivery = delivery(None);
    let mut outgoing = Outgoing::default();
    let window = NonZeroU16::MAX;
    while outgoing.has_quota(window) {
        outgoing.inflight.open(delivery.clone());
    }
    assert_eq!(outgoing.inflight.len(), usize::from(u16::MAX) - 1);
    outgoing.inflight.resume();
    assert!(outgoing.may_repeat(window) && !outgoing.has_quota(window));
}
