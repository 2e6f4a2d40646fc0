//! Where durability has its place in the flow: what must be safe before a promise is made.
//!
//! Owns the question "may this be acknowledged now?". Must never know a file. Sessions live in memory, so the only
//! level is [`Durability::Memory`] and the answer is always yes; `handlers/publish` asks nevertheless, at the one
//! point where a record and its ticket will stand between taking a message and acknowledging it.

/// What an acknowledgement promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Durability {
    /// The message is in the memory of every shard that has a receiver, or in a mailbox to it.
    #[default]
    Memory,
}

/// When an acknowledgement may be sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acknowledge {
    /// In the same batch.
    Now,
}

impl Durability {
    /// When a QoS 1 or 2 message may be acknowledged [MQTT-4.3.2-4].
    pub(crate) fn acknowledge(self) -> Acknowledge {
        match self {
            Durability::Memory => Acknowledge::Now,
        }
    }
}
