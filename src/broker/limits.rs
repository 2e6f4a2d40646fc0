//! Every bound of the system, in one struct.
//!
//! Owns the numbers and their meaning. Must never know where they come from (configuration is the server's) nor
//! what is done when one is reached: that is decided, counted and tested where the resource lives.

/// Bounds of one shard. The shell divides process-wide figures by the number of shards before it hands them in; what all
/// shards count together is not here but in [`crate::places`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that have not yet completed a CONNECT. One more is closed at once.
    pub handshakes_max: u32,
    /// Bytes of a CONNECT packet; with `handshakes_max` it bounds what strangers can make us hold. Larger: closed.
    pub connect_bytes_max: u32,
    /// Bytes of a topic name or filter. Longer: topic name invalid (0x90; a 3.x publisher at QoS 1 or 2 is disconnected),
    /// filter refused (0x8F).
    pub topic_bytes_max: usize,
    /// Levels of a topic name or filter. More: as above.
    pub topic_levels_max: usize,
    /// Subscriptions of one session. One more is refused with 0x97 in SUBACK.
    pub subscriptions_per_session_max: usize,
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE. Those beyond are refused: 0x97 in SUBACK, 0x83 in UNSUBACK.
    pub filters_per_packet_max: usize,
    /// Messages waiting for one session at QoS 1 and 2. What one more leads to is the listener's choice
    /// ([`crate::policy::BacklogFull`]).
    pub backlog_count_max: usize,
    /// Bytes of the messages waiting for one session. As above.
    pub backlog_bytes_max: usize,
    /// Bytes waiting to be sent on one connection. Above it QoS 0 is dropped and counted, and the connection is
    /// not read from, so that acknowledgements stay bounded as well.
    pub send_queue_bytes_max: usize,
    /// How long a send queue may be full before the connection is ended with 0x97; 0 never ends it.
    pub slow_consumer_grace_ms: u64,
    /// Retained messages. One more is delivered as usual, but not kept, and counted.
    pub retained_count_max: usize,
    /// Bytes of retained messages. As above.
    pub retained_bytes_max: usize,
    /// Topics that are looked at in one turn for what other shards ask about retained messages, all their questions
    /// together. The rest of the questions is answered in later turns.
    pub retained_looked_at_max: usize,
    /// Bytes of the wills of all sessions. A CONNECT that goes beyond is refused with 0x97.
    pub will_bytes_max: usize,
    /// Bytes of all messages held in memory: in flight, waiting, retained, half received, and on their way from this
    /// shard to others. Above it QoS 0 is dropped and QoS 1 and 2 are refused with 0x97 (a 3.x publisher is disconnected instead of acknowledged), on
    /// all shards. Half received packets alone may take as much again; one more ends the connection it came on.
    pub message_bytes_max: usize,
    /// Letters that may wait for another shard before this one stops reading its sockets.
    pub letters_waiting_max: usize,
    /// Bytes of letters that may wait for another shard. As above.
    pub letter_bytes_waiting_max: usize,
    /// Letters that travel together.
    pub bundle_letters_max: usize,
}

impl Limits {
    /// The bounds of a broker with one shard that nobody has configured: the one place where these defaults stand. The
    /// configuration takes its own from here.
    pub const DEFAULT: Limits = Limits {
        handshakes_max: 10_000,
        connect_bytes_max: 128 << 10,
        topic_bytes_max: 4096,
        topic_levels_max: 128,
        subscriptions_per_session_max: 10_000,
        filters_per_packet_max: 1024,
        backlog_count_max: 100_000,
        backlog_bytes_max: 64 << 20,
        send_queue_bytes_max: 4 << 20,
        slow_consumer_grace_ms: 30_000,
        retained_count_max: 1_000_000,
        retained_bytes_max: 256 << 20,
        retained_looked_at_max: 16 << 10,
        will_bytes_max: 256 << 20,
        message_bytes_max: 1 << 30,
        letters_waiting_max: 8192,
        letter_bytes_waiting_max: 64 << 20,
        bundle_letters_max: 1024,
    };

    /// Above this many unsent bytes QoS 1 and 2 messages wait in the backlog instead of the send queue, which keeps
    /// half of the queue for acknowledgements and QoS 0.
    pub(crate) fn send_queue_high_water(&self) -> usize {
        self.send_queue_bytes_max / 2
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
