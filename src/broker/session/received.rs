//! QoS 2 messages taken from a client whose PUBREL has not come yet: a repeat must not be forwarded again.
//!
//! Owns their packet identifiers, and which of them the present connection has sent. Must never know the messages; those
//! were forwarded on arrival [MQTT-4.3.3-8].

use ringmq_protocol::PacketId;

/// Identifiers between PUBREC and PUBREL.
#[derive(Debug, Default)]
pub(crate) struct Received(Option<Box<Exchanges>>);

/// One word in a session while there are none, as in most. Both lists are sorted, and no identifier is in both.
#[derive(Debug, Default)]
struct Exchanges {
    /// Of a PUBLISH that came on the present connection: each takes one of the client's send quota.
    open: Vec<PacketId>,
    /// Of earlier connections. The quota starts anew on each [MQTT-4.9.0-1], and their PUBREL takes none of it.
    earlier: Vec<PacketId>,
}

impl Received {
    /// Notes the identifier of a PUBLISH on the present connection, be it a repeat of one on an earlier one.
    pub(crate) fn insert(&mut self, id: PacketId) {
        let exchanges = self.0.get_or_insert_default();
        remove(&mut exchanges.earlier, id);
        if let Err(place) = exchanges.open.binary_search(&id) {
            exchanges.open.insert(place, id);
        }
    }

    /// Whether no identifier is between PUBREC and PUBREL.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the identifier is between PUBREC and PUBREL, which makes a QoS 2 packet with it a repeat [MQTT-4.3.3-10].
    pub(crate) fn contains(&self, id: PacketId) -> bool {
        let is_in = |ids: &Vec<PacketId>| ids.binary_search(&id).is_ok();
        self.0.as_ref().is_some_and(|exchanges| is_in(&exchanges.open) || is_in(&exchanges.earlier))
    }

    /// PUBREL: forgets the identifier; false if it was not there [MQTT-4.3.3-12].
    pub(crate) fn remove(&mut self, id: PacketId) -> bool {
        let Some(exchanges) = &mut self.0 else { return false };
        let was_there = remove(&mut exchanges.open, id) || remove(&mut exchanges.earlier, id);
        if exchanges.open.is_empty() && exchanges.earlier.is_empty() {
            self.0 = None;
        }
        was_there
    }

    /// Exchanges that take part of the client's send quota, for the receive maximum [MQTT-3.3.4-7].
    pub(crate) fn open_count(&self) -> usize {
        self.0.as_ref().map_or(0, |exchanges| exchanges.open.len())
    }

    /// A new connection: nothing has come on it yet.
    pub(crate) fn resume(&mut self) {
        let Some(exchanges) = &mut self.0 else { return };
        exchanges.earlier.append(&mut exchanges.open);
        exchanges.earlier.sort_unstable();
    }
}

/// Takes an identifier out of a sorted list; false if it was not there.
fn remove(ids: &mut Vec<PacketId>, id: PacketId) -> bool {
    let place = ids.binary_search(&id);
    place.map(|place| ids.remove(place)).is_ok()
}
