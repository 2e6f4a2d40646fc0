//! The keys of `[limits]`: every bound that protects the broker from its clients. It owns names and ranges only; the
//! broker floor has the defaults and keeps the bounds.

use ringmq_broker::limits;

use super::key::{Domain, choices, section};

/// The defaults, of the whole process.
const OF_BROKER: limits::Limits = limits::Limits::DEFAULT;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;

section! {
    /// Bounds for the whole broker unless the key says otherwise. What is over a bound is refused with a reason
    /// code and counted; nothing is dropped in silence. Connections, sessions and subscriptions are counted exactly;
    /// the other bounds of the whole broker are divided among the shards, each part a tenth more than its share.
    Limits at "limits" in limits, Broker;

    /// Network connections at once, over all listeners.
    connections_max: u32 = 1_000_000, Domain::count(1, 10_000_000);
    /// Connections at once whose CONNECT is not whole yet, over all listeners.
    handshakes_max: u32 = OF_BROKER.handshakes_max, Domain::count(1, 1_000_000);
    /// Largest CONNECT packet. With `handshakes_max` it bounds the memory that strangers can claim.
    connect_bytes_max: u32 = OF_BROKER.connect_bytes_max, Domain::bytes(KIB, MIB);
    /// Sessions at once, with and without a connection.
    sessions_max: u32 = 2_000_000, Domain::count(1, 100_000_000);
    /// Longest topic name and topic filter.
    topic_bytes_max: u16 = OF_BROKER.topic_bytes_max as u16, Domain::bytes(1, 65_535);
    /// Most levels of a topic name and topic filter. Each level of a filter with wildcards takes some 80 bytes on each
    /// shard. The product with `subscriptions_max` is below 4294967295.
    topic_levels_max: u16 = OF_BROKER.topic_levels_max as u16, Domain::count(1, 65_535);
    /// Subscriptions of all sessions together.
    subscriptions_max: u32 = 10_000_000, Domain::count(1, 100_000_000);
    /// Subscriptions of one session.
    subscriptions_per_session_max: u32 = OF_BROKER.subscriptions_per_session_max as u32, Domain::count(1, 1_000_000);
    /// Filters in one SUBSCRIBE or UNSUBSCRIBE.
    filters_per_subscribe_max: u16 = OF_BROKER.filters_per_packet_max as u16, Domain::count(1, 65_535);
    /// Messages that wait for one session at QoS 1 and 2. `mqtt.backlog_full` says what happens to one more.
    backlog_count_max: u32 = OF_BROKER.backlog_count_max as u32, Domain::count(0, 10_000_000);
    /// Bytes of the messages that wait for one session. As above.
    backlog_bytes_max: u64 = OF_BROKER.backlog_bytes_max as u64, Domain::bytes(0, TIB);
    /// Bytes that are encoded for one connection and not yet taken by the kernel.
    send_queue_bytes_max: u32 = OF_BROKER.send_queue_bytes_max as u32, Domain::bytes(4 * KIB, GIB);
    /// What happens to a connection whose send queue is full.
    slow_consumer: SlowConsumer = SlowConsumer::DropThenDisconnect, Domain::OneOf(SlowConsumer::CHOICES);
    /// Time in seconds that a send queue may be full before `slow_consumer` disconnects.
    slow_consumer_grace_s: u32 = (OF_BROKER.slow_consumer_grace_ms / 1000) as u32, Domain::seconds(1, 3600);
    /// Retained messages.
    retained_count_max: u32 = OF_BROKER.retained_count_max as u32, Domain::count(0, 100_000_000);
    /// Bytes of all retained messages, their topics included.
    retained_bytes_max: u64 = OF_BROKER.retained_bytes_max as u64, Domain::bytes(0, TIB);
    /// Bytes of the wills of all sessions.
    will_bytes_max: u64 = OF_BROKER.will_bytes_max as u64, Domain::bytes(0, TIB);
    /// Bytes of all messages that the broker holds: retained, waiting, and under way to clients and between cores.
    message_bytes_max: u64 = OF_BROKER.message_bytes_max as u64, Domain::bytes(MIB, TIB);
    /// Letters that wait in the mailbox between two cores before the sender stops reading its sockets.
    mailbox_letters_max: u32 = OF_BROKER.letters_waiting_max as u32, Domain::count(16, 1_048_576);
    /// Bytes of the letters, with the messages in them, that wait in the mailbox between two cores before the sender
    /// stops reading its sockets. A single letter may be larger.
    mailbox_bytes_max: u64 = OF_BROKER.letter_bytes_waiting_max as u64, Domain::bytes(64 * KIB, TIB);
}

choices! {
    /// What happens to a connection whose send queue is full.
    SlowConsumer {
        /// QoS 0 is dropped and counted; after the grace time the connection is closed.
        DropThenDisconnect = "drop_then_disconnect",
        /// QoS 0 is dropped and counted for as long as it takes; QoS 1 and 2 wait.
        DropOnly = "drop_only",
    }
}
