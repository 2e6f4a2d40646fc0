//! Messages received at QoS 2 and not released: the identifiers by which a repeated one is known.
//!
//! Owns one bit per identifier, up to the highest seen. Must never know the messages.

use ringmq_protocol::PacketId;

/// Identifiers between PUBLISH and PUBREL [MQTT-4.3.3-10].
#[derive(Debug, Default)]
pub(crate) struct Held {
    words: Vec<u64>,
}

impl Held {
    /// Notes a PUBLISH. False if this identifier is held already, and so the message is a repetition.
    pub(crate) fn hold(&mut self, id: PacketId) -> bool {
        let (word, bit) = place(id);
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let newly = self.words[word] & bit == 0;
        self.words[word] |= bit;
        newly
    }

    /// Notes a PUBREL.
    pub(crate) fn release(&mut self, id: PacketId) {
        let (word, bit) = place(id);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }
}

fn place(id: PacketId) -> (usize, u64) {
    (usize::from(id.get() / 64), 1 << (id.get() % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_held_until_it_is_released() {
        let mut held = Held::default();
        for number in [1, 63, 64, u16::MAX] {
            let id = PacketId::new(number).unwrap();
            held.release(id);
            assert!(held.hold(id));
            assert!(!held.hold(id));
            held.release(id);
            assert!(held.hold(id));
        }
    }
}
