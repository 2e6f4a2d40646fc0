//! The keys of `[mqtt]` and `[topics]`: what the broker offers to MQTT clients and asks of them. It owns names,
//! defaults and ranges only; what they mean is done by the broker floor.

use super::key::{Domain, choices, section};

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

section! {
    /// What clients are offered and what is asked of them. Every key may be given again inside `[[listener]]`,
    /// as `mqtt.KEY`, for the clients of that listener alone.
    Mqtt at "mqtt" in mqtt, EachListener;

    /// Highest QoS a client may publish with, told as Maximum QoS in CONNACK, and highest QoS that its subscriptions are
    /// granted.
    max_qos: u8 = 2, Domain::count(0, 2);
    /// Whether retained messages are kept, told as Retain Available.
    retain_available: bool = true, Domain::Switch;
    /// Whether filters may hold `+` and `#`, told as Wildcard Subscription Available.
    wildcard_available: bool = true, Domain::Switch;
    /// Whether `$share/NAME/FILTER` is offered, told as Shared Subscription Available.
    shared_available: bool = true, Domain::Switch;
    /// Whether subscriptions may carry an identifier, told as Subscription Identifier Available.
    subscription_identifiers_available: bool = true, Domain::Switch;
    /// How many topic aliases a client may use towards the broker, told as Topic Alias Maximum; 0 for none.
    topic_alias_max: u16 = 32, Domain::count(0, 65_535);
    /// How many topic aliases the broker uses towards a client at most; the client's own Topic Alias Maximum
    /// lowers it. 0 for none.
    topic_alias_outbound_max: u16 = 32, Domain::count(0, 65_535);
    /// How many QoS 1 and 2 publishes a client may have unacknowledged on a connection, told as Receive Maximum. QoS 1 is
    /// acknowledged at once, QoS 2 is open until PUBREL.
    receive_max: u16 = 1024, Domain::count(1, 65_535);
    /// How many QoS 1 and 2 messages are sent to one client without its acknowledgement; the client's own
    /// Receive Maximum lowers it.
    inflight_max: u16 = 1024, Domain::count(1, 65_535);
    /// Largest packet accepted from a client, its fixed header included, told as Maximum Packet Size. A CONNECT with an
    /// identifier of 23 bytes, which every server must accept \[MQTT-3.1.3-5\], takes 39.
    packet_bytes_max: u32 = 2 * MIB, Domain::bytes(39, 268_435_460);
    /// Longest time in seconds that a session is kept without a connection; a client that asks for more is
    /// told this value. It also bounds persistent sessions of MQTT 3.1 and 3.1.1. 4294967295 for no end.
    session_expiry_max_s: u32 = 604_800, Domain::seconds(0, 4_294_967_295);
    /// Longest keep-alive in seconds; a client of MQTT 5 that asks for more, or for none, is told this value as
    /// Server Keep Alive. 0 leaves the choice to the client.
    keep_alive_max_s: u16 = 0, Domain::seconds(0, 65_535);
    /// Whether a client may leave its identifier empty and have one made for it.
    zero_length_client_id: bool = true, Domain::Switch;
    /// Longest client identifier. Every server must accept 23 bytes \[MQTT-3.1.3-5\].
    client_id_bytes_max: u16 = 256, Domain::bytes(23, 65_535);
    /// Prefix of response topics, told as Response Information to clients that ask for it; empty for none.
    response_information: String = String::new(), Domain::Text(1024);
    /// Whether PUBACK and PUBREC say with code 0x10 that nobody has subscribed the topic.
    publish_no_matching_reason: bool = true, Domain::Switch;
    /// Whether clients of MQTT 3.1 (protocol name `MQIsdp`) may connect.
    version_31_available: bool = true, Domain::Switch;
    /// Time in milliseconds from the connection until its CONNECT must be whole; the connection is closed after
    /// that. On tls:// the time allowed for the handshake is added.
    connect_timeout_ms: u32 = 10_000, Domain::milliseconds(100, 600_000);
    /// Whether clients may publish to topics that begin with `$`; those below `$SYS` are never theirs, but for the states of
    /// bridges.
    dollar_topics_available: bool = false, Domain::Switch;
    /// Whether bridges of mosquitto's kind are served: clients of MQTT 3.1 and 3.1.1 that set bit 7 of the protocol level.
    /// Such a client gets none of its own messages back and RETAIN as published, so that a topic can be bridged in both
    /// directions, and may publish its state below `$SYS/broker/connection/`. Where they are not served, their CONNECT gets
    /// code 1, and mosquitto goes on as an ordinary client.
    bridge_available: bool = true, Domain::Switch;
    /// Whether every client may publish below `$SYS/broker/connection/`. Bridges that do not show as such need it for their
    /// state: mosquitto's with `bridge_protocol_version mqttv50` or `try_private false`.
    bridge_states_available: bool = false, Domain::Switch;
    /// Whether a payload that is marked as UTF-8 is checked, and refused with code 0x99 if it is not.
    payload_format_check: bool = false, Domain::Switch;
    /// What happens when more QoS 1 and 2 messages wait for a session than `limits.backlog_count_max` and
    /// `limits.backlog_bytes_max` allow. The listener through which the session's client connected last decides.
    backlog_full: BacklogFull = BacklogFull::DropNewest, Domain::OneOf(BacklogFull::CHOICES);
}

section! {
    /// What concerns topics and not single clients, so that no listener can have it differently.
    Topics at "topics" in topics, Broker;

    /// What a client gets that subscribed one topic through several filters.
    overlapping: Overlapping = Overlapping::Once, Domain::OneOf(Overlapping::CHOICES);
    /// Which member of a shared subscription gets a message.
    shared_strategy: SharedStrategy = SharedStrategy::RoundRobin, Domain::OneOf(SharedStrategy::CHOICES);
    /// Time in seconds between publishes of the broker's own figures below `$SYS`; 0 for never.
    sys_interval_s: u32 = 10, Domain::seconds(0, 86_400);
}

choices! {
    /// What happens to the messages for a session whose backlog is full.
    BacklogFull {
        /// The message that comes is dropped for that session and counted.
        DropNewest = "drop_newest",
        /// What has waited longest is dropped for that session and counted, to make room.
        DropOldest = "drop_oldest",
        /// No message is dropped: a QoS 1 or 2 publish that would have to wait there is refused with code 0x97 and
        /// reaches nobody. A publish of a 3.x client is not acknowledged before there is room.
        Refuse = "refuse",
    }
}

choices! {
    /// How a message is delivered to a client that subscribed its topic through several filters.
    Overlapping {
        /// One copy, with the highest granted QoS and all subscription identifiers.
        Once = "once",
        /// One copy for each filter, with the QoS and the identifier of that filter.
        Each = "each",
    }
}

choices! {
    /// Which member of a shared subscription gets a message.
    SharedStrategy {
        /// The members in turn.
        RoundRobin = "round_robin",
        /// The same member as long as it stays.
        Sticky = "sticky",
        /// The member with the shortest backlog.
        LeastBacklog = "least_backlog",
        /// The same member for all messages of one publisher.
        HashPublisher = "hash_publisher",
        /// The same member for all messages of one topic.
        HashTopic = "hash_topic",
        /// A member on the publisher's own core if there is one, in turn.
        LocalFirst = "local_first",
    }
}
