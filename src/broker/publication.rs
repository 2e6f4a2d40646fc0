//! A message on its way from its publisher to its receivers, while it is being handed out.
//!
//! Owns the choice of form: it borrows the publisher's packet as long as it can, and is copied once if a receiver
//! must keep it (`Message`) or if it is too large to be written into the letters for other shards (`Arc`). Must never know a receiver.

use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::message::{Content, Message, Meter, Parts};
use crate::topics::{Fingerprint, KnownTopic};

/// Who published, for No Local and the shared strategies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Publisher {
    /// Slot of its session on this shard; `None` for the server itself and for publishers elsewhere. A client has
    /// one home, so a subscription of the same client can only be where its publishes come in.
    pub(crate) session: Option<u32>,
    /// Hash of its client identifier.
    pub(crate) hash: u64,
}

/// A message being handed out.
#[derive(Debug)]
pub(crate) struct Publication<'a> {
    pub(crate) parts: Parts<'a>,
    pub(crate) publisher: Publisher,
    /// Number of this publication on this shard: what is encoded for one of its receivers can serve others.
    pub(crate) serial: u64,
    /// The topic, if it is a known one.
    pub(crate) known: Option<Box<KnownTopic>>,
    kept: Option<Message>,
    across: Option<Arc<Content>>,
}

impl<'a> Publication<'a> {
    pub(crate) fn new(parts: Parts<'a>, publisher: Publisher, serial: u64) -> Publication<'a> {
        Publication { parts, publisher, serial, known: None, kept: None, across: None }
    }

    /// With what is known of the topic.
    #[must_use]
    pub(crate) fn knowing(mut self, known: Option<Box<KnownTopic>>) -> Publication<'a> {
        self.known = known;
        self
    }

    /// One that is already shared between shards.
    pub(crate) fn of_content(
        content: &'a Arc<Content>,
        publisher: Publisher,
        serial: u64,
    ) -> Publication<'a> {
        let across = Some(content.clone());
        Publication { parts: content.parts(), publisher, serial, known: None, kept: None, across }
    }

    /// One that this shard already holds.
    pub(crate) fn of_message(message: &'a Message, publisher: Publisher, serial: u64) -> Publication<'a> {
        Publication {
            parts: message.parts(),
            publisher,
            serial,
            known: None,
            kept: Some(message.clone()),
            across: None,
        }
    }

    /// Fingerprint of the topic.
    pub(crate) fn fingerprint(&self, hasher: &FixedState) -> Fingerprint {
        let known = self.known.as_ref().map(|known| known.fingerprint());
        known.unwrap_or_else(|| Fingerprint::of(self.parts.topic, hasher))
    }

    /// The form that this shard keeps, made at the first need.
    pub(crate) fn message(&mut self, meter: &Meter) -> &Message {
        self.kept.get_or_insert_with(|| match &self.across {
            Some(content) => Message::across(content.clone(), meter),
            None => Message::new(&self.parts, meter),
        })
    }

    /// The form that travels, made at the first need. Ask for it before [`Publication::message`] where both are
    /// needed: then one copy serves both.
    pub(crate) fn across(&mut self) -> Arc<Content> {
        let parts = &self.parts;
        let kept = &self.kept;
        let make = || kept.as_ref().map_or_else(|| Arc::new(Content::new(parts)), Message::to_across);
        self.across.get_or_insert_with(make).clone()
    }

    /// The kept form, if there is one yet.
    pub(crate) fn kept(&self) -> Option<&Message> {
        self.kept.as_ref()
    }
}
