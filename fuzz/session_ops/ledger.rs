//! What was published, so that it is known again.
//!
//! Owns the messages of a run. Must never know who was meant to get them.

use ringmq_protocol::Qos;

/// A message that a client published, or left as its will.
#[derive(Debug)]
pub(super) struct Noted {
    pub(super) topic: String,
    pub(super) qos: Qos,
}

/// All messages of a run.
#[derive(Debug)]
pub(super) struct Ledger {
    messages: Vec<Noted>,
    /// Whether everything that was asked of the broker is known; not so once a client has sent junk.
    pub(super) is_known: bool,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger { messages: Vec::new(), is_known: true }
    }
}

impl Ledger {
    /// Notes a message; its payload begins with its number, so that none is like another.
    pub(super) fn note(&mut self, topic: &str, qos: Qos, bytes: usize) -> Vec<u8> {
        if bytes == 0 {
            return Vec::new();
        }
        let mut payload = format!("{};", self.messages.len()).into_bytes();
        payload.resize(payload.len().max(bytes), b'.');
        self.messages.push(Noted { topic: topic.to_owned(), qos });
        payload
    }

    /// The message with this payload; `None` for an empty one, which says nothing.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn find(&self, payload: &[u8]) -> Option<&Noted> {
        if payload.is_empty() {
            return None;
        }
        let end = payload.iter().position(|&byte| byte == b';').expect("a payload begins with its number");
        let number =
            std::str::from_utf8(&payload[..end]).ok().and_then(|digits| digits.parse::<usize>().ok());
        let noted = number.and_then(|number| self.messages.get(number));
        Some(noted.expect("the message was published"))
    }
}
