//! Shorthand of the tests: a shard alone, and clients on it.

use std::net::{Ipv4Addr, SocketAddr};

use ringmq_protocol::{
    Connect, FilterBuf, Packet, PacketId, Properties, Qos, Subscribe, SubscribeOptions, TopicFilterBuf,
    Unsubscribe, Version,
};

use crate::cause::Level;
use crate::connection::{Arrival, Opening, Room};
use crate::journal::Durability;
use crate::limits::Limits;
use crate::places::OwnPlaces;
use crate::policy::{BrokerPolicy, ListenerPolicy};
use crate::seed::{Seeds, ShardId};
use crate::setup::Setup;
use crate::shard::Shard;
use crate::time::Time;
use crate::trays::ConnectionId;

/// What a shard is made from that has no peers and one listener.
pub(crate) fn setup() -> Setup {
    Setup {
        shard: 0,
        shard_count: 1,
        seeds: Seeds { hash: 1, identity: [2, 3] },
        limits: Limits::default(),
        sessions: OwnPlaces::unbounded(),
        subscriptions: OwnPlaces::unbounded(),
        broker: BrokerPolicy { sys_interval_s: 0, ..BrokerPolicy::default() },
        listeners: vec![ListenerPolicy::default()],
        durability: Durability::Memory,
        notes: Level::Warn,
    }
}

/// A shard without peers and with one listener.
pub(crate) fn shard(listener: ListenerPolicy) -> Shard {
    Shard::new(Setup { listeners: vec![listener], ..setup() }, Time::ZERO)
}

/// One of several shards, with one listener.
pub(crate) fn one_of(shard: ShardId, shard_count: u16, limits: Limits, listener: ListenerPolicy) -> Shard {
    Shard::new(Setup { shard, shard_count, limits, listeners: vec![listener], ..setup() }, Time::ZERO)
}

/// What a client says that wants nothing special.
pub(crate) fn connect(version: Version, client_id: &str) -> Connect<'_> {
    Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        user_name: None,
        password: None,
    }
}

/// A connection that has said nothing yet.
pub(crate) fn open(shard: &mut Shard) -> ConnectionId {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let opening = Opening { listener: 0, peer, arrival: Arrival::Accepted, room: Room::Free };
    shard.open(Time::ZERO, opening).expect("there is room")
}

/// A client that has connected. What it is answered is thrown away.
pub(crate) fn client(shard: &mut Shard, connect: Connect<'_>) -> ConnectionId {
    let id = open(shard);
    send(shard, id, &Packet::Connect(connect), connect.version);
    id
}

/// A client sends a packet.
pub(crate) fn send(shard: &mut Shard, id: ConnectionId, packet: &Packet<'_>, version: Version) {
    let mut bytes = Vec::new();
    packet.encode(version, &mut bytes);
    shard.receive(Time::ZERO, id, &bytes);
    shard.take_output(id);
}

/// A client subscribes.
pub(crate) fn subscribe(shard: &mut Shard, id: ConnectionId, filter: &str, qos: Qos, version: Version) {
    let mut filters = FilterBuf::new();
    filters.push(filter, SubscribeOptions { qos, ..SubscribeOptions::default() });
    let properties = Properties::EMPTY;
    let subscribe = Subscribe { packet_id: PacketId::MIN, properties, filters: filters.as_filters() };
    send(shard, id, &Packet::Subscribe(subscribe), version);
}

/// A client unsubscribes.
pub(crate) fn unsubscribe(shard: &mut Shard, id: ConnectionId, filter: &str, version: Version) {
    let mut filters = TopicFilterBuf::new();
    filters.push(filter);
    let properties = Properties::EMPTY;
    let unsubscribe = Unsubscribe { packet_id: PacketId::MIN, properties, filters: filters.as_filters() };
    send(shard, id, &Packet::Unsubscribe(unsubscribe), version);
}
