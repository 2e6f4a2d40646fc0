//! What a shard counts. Every drop, close and refusal has a number here.
//!
//! Owns the counters and the table of their names. Must never know who reads them.

use crate::cause::Cause;

macro_rules! counters {
    ($($(#[$doc:meta])* $field:ident: $kind:ident;)*) => {
        /// Counters and gauges of one shard.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Counters {
            $($(#[$doc])* pub $field: u64,)*
            /// Connections that ended, by [`Cause`].
            pub ended: [u64; Cause::ALL.len()],
        }

        impl Default for Counters {
            fn default() -> Counters {
                Counters { $($field: 0,)* ended: [0; Cause::ALL.len()] }
            }
        }

        impl Counters {
    /// Deliveries that one receiver did not get, so far.
    pub(crate) fn dropped_by_receivers(&self) -> u64 {
        self.dropped_send_queue + self.dropped_backlog + self.dropped_too_large + self.dropped_offline
    }

            /// Adds another shard's figures to these.
            pub fn add(&mut self, other: &Counters) {
                $(self.$field += other.$field;)*
                for (sum, more) in self.ended.iter_mut().zip(other.ended) {
                    *sum += more;
                }
            }

            /// Calls `each` with name, kind and value of every counter, those of the causes last.
            pub fn for_each(&self, mut each: impl FnMut(&'static str, Kind, u64)) {
                $(each(stringify!($field), Kind::$kind, self.$field);)*
                for &cause in Cause::ALL {
                    each(cause.row().name, Kind::Ended, self.ended[cause as usize]);
                }
            }
        }
    };
}

/// What kind of number it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Connections ended for one cause.
    Ended,
}

counters! {
    /// Connections that were opened here, handed-over ones included.
    connections_opened: Counter;
    /// Connections that were closed before anything was read of them, for want of room or because the broker stops.
    connections_unread: Counter;
    /// Connections now on this shard.
    connections: Gauge;
    /// Of these, the ones that have not completed a CONNECT.
    handshakes: Gauge;
    /// Connections handed to their home shard.
    handoffs: Counter;
    /// Connections that ended on their way to their home shard.
    handoffs_lost: Counter;
    /// CONNECT packets that were accepted.
    connects_accepted: Counter;
    /// CONNECT packets that were refused.
    connects_refused: Counter;
    /// Sessions, connected or not.
    sessions: Gauge;
    /// Sessions that ended by expiry.
    sessions_expired: Counter;
    /// Subscriptions, shared ones included.
    subscriptions: Gauge;
    /// Retained messages.
    retained: Gauge;
    /// Bytes of retained messages.
    retained_bytes: Gauge;
    /// Bytes of all messages held.
    message_bytes: Gauge;
    /// MQTT bytes received.
    bytes_received: Counter;
    /// MQTT bytes handed to the network.
    bytes_sent: Counter;
    /// Control packets received.
    packets_received: Counter;
    /// PUBLISH packets received at QoS 0.
    publish_received_qos0: Counter;
    /// PUBLISH packets received at QoS 1, repeats included.
    publish_received_qos1: Counter;
    /// PUBLISH packets received at QoS 2, repeats included.
    publish_received_qos2: Counter;
    /// PUBLISH packets sent at QoS 0.
    publish_sent_qos0: Counter;
    /// PUBLISH packets sent at QoS 1, repeats included.
    publish_sent_qos1: Counter;
    /// PUBLISH packets sent at QoS 2, repeats included.
    publish_sent_qos2: Counter;
    /// Publishes answered with an error, or dropped for policy at QoS 0.
    publish_refused: Counter;
    /// Publishes that matched no subscription on any shard.
    publish_unmatched: Counter;
    /// QoS 0 deliveries dropped because the receiver's send queue was full.
    dropped_send_queue: Counter;
    /// Deliveries at QoS 1 and 2 dropped because the session's backlog was full when they came.
    dropped_backlog: Counter;
    /// Deliveries at QoS 1 and 2 dropped from a session's full backlog to make room for newer ones.
    dropped_backlog_oldest: Counter;
    /// QoS 1 and 2 publishes refused because a subscriber's backlog was full. Also counted as refused.
    refused_backlog: Counter;
    /// QoS 1 and 2 publishes of 3.x clients that waited for room in a subscriber's backlog.
    publish_held: Counter;
    /// Deliveries at QoS 1 and 2 kept above the bounds of a backlog that refuses: they were on their way when it filled up.
    kept_over_backlog: Counter;
    /// Deliveries dropped because the message expired first [MQTT-3.3.2-5].
    dropped_expired: Counter;
    /// Deliveries dropped because the packet exceeds the client's maximum [MQTT-3.1.2-25].
    dropped_too_large: Counter;
    /// QoS 0 publishes dropped because memory for messages was used up.
    dropped_memory: Counter;
    /// Messages for a shared group that had no member left.
    dropped_no_member: Counter;
    /// QoS 0 deliveries not queued because the session was away.
    dropped_offline: Counter;
    /// Deliveries that the client refused with a code of 0x80 or above.
    dropped_by_client: Counter;
    /// Retained messages not stored because a retained limit was reached after the publish had been accepted.
    dropped_retained: Counter;
    /// Pages of retained messages looked up again, since too much came meanwhile to tell what of them was old.
    retained_pages_again: Counter;
    /// Wills published.
    wills_published: Counter;
    /// Letters posted to other shards.
    letters_posted: Counter;
    /// Letters received from other shards.
    letters_received: Counter;
}

impl Counters {
    /// Connections that ended for `cause`.
    pub fn ended_by(&self, cause: Cause) -> u64 {
        self.ended[cause as usize]
    }
}
