//! From the configuration to the setup of one shard: process-wide bounds are divided, choices are translated.

use ringmq_broker::Setup;
use ringmq_broker::journal::Durability;
use ringmq_broker::limits::Limits;
use ringmq_broker::policy::{BacklogFull, BrokerPolicy, ListenerPolicy, Overlapping};
use ringmq_broker::seed::{Seeds, ShardId};
use ringmq_broker::topics::ShareStrategy;
use ringmq_protocol::Qos;

use super::log::notes_level;
use super::places::AllPlaces;
use crate::config::{self, Config, Listener, SharedStrategy, SlowConsumer, Transport};

/// The setup of shard `shard` of `shard_count`.
pub(crate) fn setup(
    config: &Config,
    shard: ShardId,
    shard_count: u16,
    seeds: Seeds,
    places: &AllPlaces,
) -> Setup {
    Setup {
        shard,
        shard_count,
        seeds,
        limits: limits(&config.limits, shard_count),
        sessions: Box::new(places.sessions.clone()),
        subscriptions: Box::new(places.subscriptions.clone()),
        broker: broker(config),
        listeners: config.listeners.iter().map(listener).collect(),
        durability: Durability::Memory,
        notes: notes_level(&config.log),
    }
}

/// One shard's part. Clients spread over shards by chance, so each shard's part is a tenth more than its share.
fn limits(limits: &config::Limits, shard_count: u16) -> Limits {
    let part =
        |whole: u64| if shard_count == 1 { whole } else { (whole / u64::from(shard_count)) * 11 / 10 + 1 };
    let part_u32 = |whole: u32| u32::try_from(part(whole.into())).unwrap_or(u32::MAX);
    let part_usize = |whole: u64| usize::try_from(part(whole)).unwrap_or(usize::MAX);
    let grace_ms = match limits.slow_consumer {
        SlowConsumer::DropThenDisconnect => u64::from(limits.slow_consumer_grace_s) * 1000,
        SlowConsumer::DropOnly => 0,
    };
    Limits {
        handshakes_max: part_u32(limits.handshakes_max),
        connect_bytes_max: limits.connect_bytes_max,
        topic_bytes_max: limits.topic_bytes_max.into(),
        topic_levels_max: limits.topic_levels_max.into(),
        subscriptions_per_session_max: limits.subscriptions_per_session_max as usize,
        filters_per_packet_max: limits.filters_per_subscribe_max.into(),
        backlog_count_max: limits.backlog_count_max as usize,
        backlog_bytes_max: limits.backlog_bytes_max as usize,
        send_queue_bytes_max: limits.send_queue_bytes_max as usize,
        slow_consumer_grace_ms: grace_ms,
        retained_count_max: part_usize(limits.retained_count_max.into()),
        retained_bytes_max: part_usize(limits.retained_bytes_max),
        retained_looked_at_max: Limits::default().retained_looked_at_max,
        will_bytes_max: part_usize(limits.will_bytes_max),
        message_bytes_max: part_usize(limits.message_bytes_max),
        letters_waiting_max: limits.mailbox_letters_max as usize,
        letter_bytes_waiting_max: limits.mailbox_bytes_max as usize,
        bundle_letters_max: Limits::default().bundle_letters_max,
    }
}

fn broker(config: &Config) -> BrokerPolicy {
    BrokerPolicy {
        overlapping: match config.topics.overlapping {
            config::Overlapping::Once => Overlapping::Once,
            config::Overlapping::Each => Overlapping::Each,
        },
        share_strategy: match config.topics.shared_strategy {
            SharedStrategy::RoundRobin => ShareStrategy::RoundRobin,
            SharedStrategy::Sticky => ShareStrategy::Sticky,
            SharedStrategy::LeastBacklog => ShareStrategy::LeastBacklog,
            SharedStrategy::HashPublisher => ShareStrategy::HashPublisher,
            SharedStrategy::HashTopic => ShareStrategy::HashTopic,
            SharedStrategy::LocalFirst => ShareStrategy::LocalFirst,
        },
        sys_interval_s: config.topics.sys_interval_s,
        version: format!("ringmq version {}", env!("CARGO_PKG_VERSION")),
    }
}

fn listener(listener: &Listener) -> ListenerPolicy {
    let mqtt = &listener.mqtt;
    // The deadline of a connection runs from its being accepted, so a handshake has its own time in it.
    let handshake_ms = match listener.url.transport {
        Transport::Tcp => 0,
        Transport::Tls => listener.tls.handshake_timeout_ms,
    };
    ListenerPolicy {
        qos_max: Qos::from_bits(mqtt.max_qos).unwrap_or(Qos::ExactlyOnce),
        retain_available: mqtt.retain_available,
        wildcard_available: mqtt.wildcard_available,
        shared_available: mqtt.shared_available,
        subscription_identifiers_available: mqtt.subscription_identifiers_available,
        topic_alias_max: mqtt.topic_alias_max,
        topic_alias_outbound_max: mqtt.topic_alias_outbound_max,
        receive_max: mqtt.receive_max,
        inflight_max: mqtt.inflight_max,
        packet_bytes_max: mqtt.packet_bytes_max,
        session_expiry_max_s: mqtt.session_expiry_max_s,
        keep_alive_max_s: mqtt.keep_alive_max_s,
        zero_length_client_id: mqtt.zero_length_client_id,
        client_id_bytes_max: mqtt.client_id_bytes_max.into(),
        response_information: mqtt.response_information.clone(),
        no_matching_reason: mqtt.publish_no_matching_reason,
        v31_allowed: mqtt.version_31_available,
        dollar_topics_allowed: mqtt.dollar_topics_available,
        bridge_allowed: mqtt.bridge_available,
        bridge_states_allowed: mqtt.bridge_states_available,
        payload_format_check: mqtt.payload_format_check,
        connect_timeout_ms: u64::from(mqtt.connect_timeout_ms) + u64::from(handshake_ms),
        backlog_full: match mqtt.backlog_full {
            config::BacklogFull::DropNewest => BacklogFull::DropNewest,
            config::BacklogFull::DropOldest => BacklogFull::DropOldest,
            config::BacklogFull::Refuse => BacklogFull::Refuse,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    /// The simulator, the fuzzers and the benchmarks run with the defaults of the broker: they must be what operators get.
    #[test]
    fn the_defaults_of_the_configuration_are_those_of_the_broker() {
        let config =
            config::load(None, &Flags::default(), &Environment::default()).expect("defaults fit together");
        let places = AllPlaces::new(&config.limits);
        let setup = setup(&config, 0, 1, Seeds { hash: 1, identity: [2, 3] }, &places);
        assert_eq!(setup.limits, Limits::default());
        assert_eq!(setup.listeners[0], ListenerPolicy::default());
        let version = setup.broker.version.clone();
        assert_eq!(setup.broker, BrokerPolicy { version, ..BrokerPolicy::default() });
    }
}
