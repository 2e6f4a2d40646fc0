//! Topic aliases of one connection, one table for each direction.
//!
//! Owns the topic text behind each alias. Must never know a packet. Both tables live as long as the connection
//! [MQTT-3.3.2-7], take no room until the first alias is used, and afterwards only what the aliases in use take.

use std::fmt;
use std::num::NonZeroU16;

use hashbrown::HashTable;

use super::fingerprint::Fingerprint;

/// An alias of 0 [MQTT-3.3.2-8] or above the maximum told to the peer [MQTT-3.3.2-9].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AliasOutOfRange;

impl fmt::Display for AliasOutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("topic alias is 0 or above the Topic Alias Maximum")
    }
}

impl std::error::Error for AliasOutOfRange {}

/// Aliases and their topics, by ascending alias.
type TopicsByAlias = Vec<(u16, Box<str>)>;

/// Aliases that the peer has set for what it sends to us.
#[derive(Debug)]
pub struct InboundAliases {
    max: u16,
    /// Only those in use: a peer that begins with 65,535 makes us keep one entry, not as many.
    topics: Option<Box<TopicsByAlias>>,
}

impl InboundAliases {
    /// No alias yet, at most `max` of them, numbered from 1.
    pub fn new(max: u16) -> InboundAliases {
        InboundAliases { max, topics: None }
    }

    /// Lets the alias stand for a topic from now on.
    pub fn set(&mut self, alias: u16, topic: &str) -> Result<(), AliasOutOfRange> {
        if alias == 0 || alias > self.max {
            return Err(AliasOutOfRange);
        }
        let topics = self.topics.get_or_insert_default();
        match position(topics, alias) {
            Ok(index) if *topics[index].1 == *topic => {}
            Ok(index) => topics[index].1 = topic.into(),
            Err(index) => topics.insert(index, (alias, topic.into())),
        }
        Ok(())
    }

    /// The topic that the alias stands for. None: it was never set, or could not have been.
    pub fn get(&self, alias: u16) -> Option<&str> {
        let topics = self.topics.as_ref()?;
        position(topics, alias).ok().map(|index| &*topics[index].1)
    }
}

/// Where an alias is, or would go. Peers number from 1 upward, so the first guess is nearly always right.
fn position(topics: &[(u16, Box<str>)], alias: u16) -> Result<usize, usize> {
    let guess = usize::from(alias).wrapping_sub(1);
    if topics.get(guess).is_some_and(|(found, _)| *found == alias) {
        return Ok(guess);
    }
    topics.binary_search_by_key(&alias, |(found, _)| *found)
}

/// How a topic is to be written in the next PUBLISH to the peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AliasUse {
    /// In full, without an alias.
    None,
    /// In full, together with this alias, which the peer does not know yet.
    New(NonZeroU16),
    /// As this alias alone, with an empty topic.
    Known(NonZeroU16),
}

/// Aliases that we have set for what we send to the peer: the first topics get one, until there are as many as the
/// peer allows [MQTT-3.1.2-26]. None is ever given to another topic, so a burst of rare topics cannot displace
/// those in use.
#[derive(Debug)]
pub struct OutboundAliases {
    max: u16,
    table: Option<Box<OutboundTable>>,
}

#[derive(Debug, Default)]
struct OutboundTable {
    topics: Vec<(Fingerprint, Box<str>)>,
    /// Indexes into `topics`.
    by_topic: HashTable<u16>,
}

impl OutboundAliases {
    /// No alias yet, at most `max` of them. 0: none ever.
    pub fn new(max: u16) -> OutboundAliases {
        OutboundAliases { max, table: None }
    }

    /// Whether the peer allows any alias.
    pub fn is_enabled(&self) -> bool {
        self.max > 0
    }

    /// How to write this topic. `fingerprint` must be the topic's; it is computed once for all receivers. After
    /// `New` the packet must be sent, or the peer will not know the alias.
    pub fn assign(&mut self, topic: &str, fingerprint: Fingerprint) -> AliasUse {
        if self.max == 0 {
            return AliasUse::None;
        }
        let table = self.table.get_or_insert_default();
        if let Some(alias) = table.find(topic, fingerprint) {
            return AliasUse::Known(alias);
        }
        if table.topics.len() >= usize::from(self.max) {
            return AliasUse::None;
        }
        AliasUse::New(table.add(topic, fingerprint))
    }
}

impl OutboundTable {
    fn find(&self, topic: &str, fingerprint: Fingerprint) -> Option<NonZeroU16> {
        let is_it = |index: &u16| {
            let (found, text) = &self.topics[usize::from(*index)];
            *found == fingerprint && **text == *topic
        };
        self.by_topic.find(fingerprint.spread(), is_it).map(|index| alias_at(*index))
    }

    fn add(&mut self, topic: &str, fingerprint: Fingerprint) -> NonZeroU16 {
        let OutboundTable { topics, by_topic } = self;
        let index = u16::try_from(topics.len()).expect("fewer topics than the peer's maximum");
        topics.push((fingerprint, topic.into()));
        by_topic.insert_unique(fingerprint.spread(), index, |index| topics[usize::from(*index)].0.spread());
        alias_at(index)
    }
}

fn alias_at(index: u16) -> NonZeroU16 {
    NonZeroU16::MIN.checked_add(index).expect("an index is below the peer's maximum")
}

#[cfg(test)]
mod tests {
    use foldhash::fast::FixedState;

    use super::*;

    fn alias(number: u16) -> NonZeroU16 {
        NonZeroU16::new(number).unwrap()
    }

    /// Only 1 to the maximum is taken [MQTT-3.3.2-8] [MQTT-3.3.2-9], and all of that [MQTT-3.3.2-12]; a later topic
    /// replaces an earlier one.
    #[test]
    fn inbound_aliases_keep_the_last_topic_within_the_range() {
        let mut aliases = InboundAliases::new(10);
        assert_eq!(aliases.get(1), None);
        assert_eq!(aliases.set(0, "a"), Err(AliasOutOfRange));
        assert_eq!(aliases.set(11, "a"), Err(AliasOutOfRange));
        for (number, topic) in [(10, "ten"), (1, "one"), (3, "three"), (2, "two"), (1, "uno"), (10, "ten")] {
            assert_eq!(aliases.set(number, topic), Ok(()));
        }
        let topics: Vec<_> = (0..12).map(|number| aliases.get(number)).collect();
        let mut expected = vec![None; 12];
        (expected[1], expected[2], expected[3], expected[10]) =
            (Some("uno"), Some("two"), Some("three"), Some("ten"));
        assert_eq!(topics, expected);
    }

    /// [MQTT-3.1.2-27] a maximum of 0 or none means no alias at all.
    #[test]
    fn no_alias_where_none_is_allowed() {
        assert_eq!(InboundAliases::new(0).set(1, "a"), Err(AliasOutOfRange));
        let fingerprint = Fingerprint::of("a", &FixedState::with_seed(1));
        assert_eq!(OutboundAliases::new(0).assign("a", fingerprint), AliasUse::None);
    }

    /// [MQTT-3.1.2-26] never more than the peer's maximum; the first topics keep theirs.
    #[test]
    fn outbound_aliases_go_to_the_first_topics() {
        let hasher = FixedState::with_seed(1);
        let mut aliases = OutboundAliases::new(100);
        for round in 0..2 {
            for n in 1..=150u16 {
                let topic = format!("topic/{n}");
                let found = aliases.assign(&topic, Fingerprint::of(&topic, &hasher));
                let expected = match (n, round) {
                    (1..=100, 0) => AliasUse::New(alias(n)),
                    (1..=100, _) => AliasUse::Known(alias(n)),
                    _ => AliasUse::None,
                };
                assert_eq!(found, expected);
            }
        }
    }

    /// Two topics with one fingerprint have different aliases.
    #[test]
    fn outbound_aliases_compare_the_text() {
        let mut aliases = OutboundAliases::new(u16::MAX);
        let fingerprint = Fingerprint::from_u32(7);
        assert_eq!(aliases.assign("a", fingerprint), AliasUse::New(alias(1)));
        assert_eq!(aliases.assign("b", fingerprint), AliasUse::New(alias(2)));
        assert_eq!(aliases.assign("a", fingerprint), AliasUse::Known(alias(1)));
    }

    #[test]
    fn unused_tables_are_small() {
        assert_eq!((size_of::<InboundAliases>(), size_of::<OutboundAliases>()), (16, 16));
    }
}
