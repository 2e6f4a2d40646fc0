//! The choices that the standard leaves to the server, per listener and for the whole broker.
//!
//! Owns the options and how they are announced in CONNACK. Must never know configuration files.

use ringmq_protocol::Qos;

use crate::topics::ShareStrategy;

/// What clients of one listener are offered. Announced in CONNACK where MQTT 5 has a property for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerPolicy {
    /// Highest QoS a client may publish with [MQTT-3.2.2-9] and that a subscription is granted.
    pub qos_max: Qos,
    /// Whether retained messages are served.
    pub retain_available: bool,
    /// Whether filters may hold `+` and `#`.
    pub wildcard_available: bool,
    /// Whether `$share/...` filters are served.
    pub shared_available: bool,
    /// Whether subscriptions may carry identifiers.
    pub subscription_identifiers_available: bool,
    /// Highest topic alias a client may use; 0 turns aliases off.
    pub topic_alias_max: u16,
    /// Highest topic alias the server uses towards a client, within what the client allows; 0 uses none.
    pub topic_alias_outbound_max: u16,
    /// QoS 1 and 2 messages a client may have open towards the server; one more ends with 0x93. At least 1.
    pub receive_max: u16,
    /// QoS 1 and 2 messages the server has open towards a client, within what the client allows. At least 1.
    pub inflight_max: u16,
    /// Largest packet a client may send, in bytes; larger ends with 0x95.
    pub packet_bytes_max: u32,
    /// Longest session expiry granted, in seconds; `u32::MAX` grants sessions that never end.
    pub session_expiry_max_s: u32,
    /// Largest keep alive, in seconds; a client that asks for more, or for none, is told this one. 0: no ceiling.
    pub keep_alive_max_s: u16,
    /// Whether a client may connect without an identifier and be assigned one.
    pub zero_length_client_id: bool,
    /// Longest client identifier in bytes. At least 23 [MQTT-3.1.3-5].
    pub client_id_bytes_max: usize,
    /// Text before the client identifier in Response Information; empty sends none.
    pub response_information: String,
    /// Whether a publish that nobody listens to is acknowledged with 0x10 instead of 0x00.
    pub no_matching_reason: bool,
    /// Whether MQTT 3.1 (`MQIsdp`) is served.
    pub v31_allowed: bool,
    /// Whether clients may publish to topics that begin with `$` (never to `$SYS`).
    pub dollar_topics_allowed: bool,
    /// Whether bridges are served: clients of 3.1 and 3.1.1 that set bit 7 of the protocol level.
    pub bridge_allowed: bool,
    /// Whether every client may publish below `$SYS/broker/connection/`, and not only a bridge.
    pub bridge_states_allowed: bool,
    /// Whether payloads announced as UTF-8 are checked.
    pub payload_format_check: bool,
    /// How long a connection may take from being accepted to a whole CONNECT, in milliseconds.
    pub connect_timeout_ms: u64,
    /// What a full backlog of a session does whose client connected here last.
    pub backlog_full: BacklogFull,
}

impl Default for ListenerPolicy {
    fn default() -> ListenerPolicy {
        ListenerPolicy {
            qos_max: Qos::ExactlyOnce,
            retain_available: true,
            wildcard_available: true,
            shared_available: true,
            subscription_identifiers_available: true,
            topic_alias_max: 32,
            topic_alias_outbound_max: 32,
            receive_max: 1024,
            inflight_max: 1024,
            packet_bytes_max: 2 << 20,
            session_expiry_max_s: 7 * 24 * 3600,
            keep_alive_max_s: 0,
            zero_length_client_id: true,
            client_id_bytes_max: 256,
            response_information: String::new(),
            no_matching_reason: true,
            v31_allowed: true,
            dollar_topics_allowed: false,
            bridge_allowed: true,
            bridge_states_allowed: false,
            payload_format_check: false,
            connect_timeout_ms: 10_000,
            backlog_full: BacklogFull::DropNewest,
        }
    }
}

/// What a session's full backlog does with one more QoS 1 or 2 message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BacklogFull {
    /// The message is dropped for this session.
    DropNewest,
    /// What has waited longest is dropped for this session, until the message fits. One that could never fit is dropped
    /// itself.
    DropOldest,
    /// The publish is refused before anybody gets it: with 0x97, or not acknowledged before there is room where a
    /// client cannot be told (3.x). What cannot be refused any more is kept above the bounds.
    Refuse,
}

/// How overlapping filters of one session are served [MQTT-3.3.4-2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlapping {
    /// One copy at the highest QoS, with every matching subscription identifier [MQTT-3.3.4-4].
    Once,
    /// One copy per subscription, each with its own QoS and identifier [MQTT-3.3.4-5].
    Each,
}

/// What holds for the whole broker, whatever the listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerPolicy {
    /// How overlapping filters of one session are served.
    pub overlapping: Overlapping,
    /// How the receiver in a shared subscription is chosen.
    pub share_strategy: ShareStrategy,
    /// Seconds between two rounds of `$SYS` topics; 0 turns them off.
    pub sys_interval_s: u32,
    /// Version text for `$SYS/broker/version`.
    pub version: String,
}

impl Default for BrokerPolicy {
    fn default() -> BrokerPolicy {
        BrokerPolicy {
            overlapping: Overlapping::Once,
            share_strategy: ShareStrategy::RoundRobin,
            sys_interval_s: 10,
            version: String::from("ringmq"),
        }
    }
}
