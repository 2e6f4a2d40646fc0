//! QoS 2 messages taken from a client whose PUBREL has not come yet: a repeat must not be forwarded again.
//!
//! Owns their packet identifiers. Must never know the messages; those were forwarded on arrival [MQTT-4.3.3-8].

use ringmq_protocol::PacketId;

/// Identifiers between PUBREC and PUBREL, sorted.
#[derive(Debug, Default)]
#[allow(clippy::box_collection)] // One word while there are none, as in most sessions.
pub(crate) struct Received(Option<Box<Vec<PacketId>>>);

impl Received {
    /// Notes an identifier; false if it was there already, which makes the packet a repeat [MQTT-4.3.3-10].
    pub(crate) fn insert(&mut self, id: PacketId) -> bool {
        let ids = self.0.get_or_insert_default();
        match ids.binary_search(&id) {
            Ok(_) => false,
            Err(place) => {
                ids.insert(place, id);
                true
            }
        }
    }

    /// Whether the identifier is between PUBREC and PUBREL.
    pub(crate) fn contains(&self, id: PacketId) -> bool {
        self.0.as_ref().is_some_and(|ids| ids.binary_search(&id).is_ok())
    }

    /// PUBREL: forgets the identifier; false if it was not there [MQTT-4.3.3-12].
    pub(crate) fn remove(&mut self, id: PacketId) -> bool {
        let Some(ids) = &mut self.0 else { return false };
        let Ok(place) = ids.binary_search(&id) else { return false };
        ids.remove(place);
        if ids.is_empty() {
            self.0 = None;
        }
        true
    }

    /// Open exchanges, for the receive maximum [MQTT-3.3.4-7].
    pub(crate) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |ids| ids.len())
    }
}
