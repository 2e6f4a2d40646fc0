//! A blocking MQTT client on any stream, every wait bounded. Owns the bytes that are no whole packet yet.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ringmq_protocol::{
    Ack, Connect, Disconnect, FilterBuf, Header, Packet, PacketId, PacketType, Properties, Publish, Qos,
    Reason, Subscribe, SubscribeOptions, Version,
};
use rustls::{ClientConnection, StreamOwned};

use crate::broker::Broker;
use crate::sockets::{self, PATIENCE};

/// What a client received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    Connack(Reason),
    Publish {
        topic: String,
        payload: Vec<u8>,
        qos: Qos,
        packet_id: Option<PacketId>,
    },
    Puback(PacketId, Reason),
    Suback(Vec<u8>),
    Disconnect(Reason),
    Other(PacketType),
    /// The stream ended in order; within TLS, with close_notify.
    Eof,
}

/// A byte stream whose waits are bounded by a socket below.
pub(crate) trait Stream: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

/// A client on one connection.
pub(crate) struct Client<S: Stream = TcpStream> {
    pub(crate) stream: S,
    version: Version,
    partial: Vec<u8>,
    last_id: u16,
}

impl Client {
    /// A connected client of MQTT 5.0 over plain TCP.
    pub(crate) fn connect(broker: &Broker, client_id: &str) -> Client {
        Client::new(sockets::connect(broker.tcp()), Version::V5).accepted(client_id)
    }

    /// The same with the smallest receive buffer.
    pub(crate) fn connect_narrow(broker: &Broker, client_id: &str) -> Client {
        Client::new(sockets::connect_narrow(broker.tcp()), Version::V5).accepted(client_id)
    }
}

impl<S: Stream> Client<S> {
    pub(crate) fn new(stream: S, version: Version) -> Client<S> {
        Client { stream, version, partial: Vec::new(), last_id: 0 }
    }

    /// Connects with a clean start; must be accepted.
    pub(crate) fn accepted(mut self, client_id: &str) -> Client<S> {
        assert_eq!(
            self.try_connect(client_id),
            Received::Connack(Reason::Success),
            "CONNACK for {client_id}"
        );
        self
    }

    /// Connects with a clean start and returns the answer.
    pub(crate) fn try_connect(&mut self, client_id: &str) -> Received {
        self.write(&connect_bytes(self.version, client_id));
        self.next()
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker reads");
        self.stream.flush().expect("the broker reads");
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = Vec::new();
        packet.encode(self.version, &mut bytes);
        self.write(&bytes);
    }

    /// The next packet, or the end of the stream.
    ///
    /// # Panics
    /// If nothing comes within [`PATIENCE`].
    pub(crate) fn next(&mut self) -> Received {
        match self.next_within(PATIENCE) {
            Ok(received) => received,
            Err(error) => panic!("nothing comes: {error}"),
        }
    }

    /// The next packet, the end of the stream, or the error of the stream; a timeout is one.
    pub(crate) fn next_within(&mut self, limit: Duration) -> io::Result<Received> {
        self.stream.socket().set_read_timeout(Some(limit))?;
        let mut chunk = [0; 16 << 10];
        loop {
            if let Some(received) = self.take_packet() {
                return Ok(received);
            }
            match self.stream.read(&mut chunk)? {
                0 => return Ok(Received::Eof),
                length => self.partial.extend_from_slice(&chunk[..length]),
            }
        }
    }

    fn take_packet(&mut self) -> Option<Received> {
        let header = Header::read(&self.partial).expect("a server writes sound headers")?;
        let body = self.partial.get(header.header_len..header.total_len())?;
        let packet = Packet::decode(&header, body, self.version).expect("a server writes sound packets");
        let received = Received::from(&packet);
        self.partial.drain(..header.total_len());
        Some(received)
    }

    /// Subscribes to one filter; must be granted.
    pub(crate) fn subscribe(&mut self, filter: &str, qos: Qos) {
        self.send_subscribe(filter, qos);
        assert_eq!(self.next(), Received::Suback(vec![qos.bits()]), "SUBACK for {filter}");
    }

    /// Subscribes to one filter and waits for nothing.
    pub(crate) fn send_subscribe(&mut self, filter: &str, qos: Qos) {
        let mut filters = FilterBuf::new();
        filters.push(filter, SubscribeOptions { qos, ..SubscribeOptions::default() });
        let (packet_id, properties) = (self.new_id(), Properties::EMPTY);
        self.send(&Packet::Subscribe(Subscribe { packet_id, properties, filters: filters.as_filters() }));
    }

    /// Publishes at QoS 0.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(&publish_packet(topic, payload, None));
    }

    /// Publishes at QoS 1 and waits for PUBACK, the next packet.
    pub(crate) fn publish_acknowledged(&mut self, topic: &str, payload: &[u8]) {
        let packet_id = self.new_id();
        self.send(&publish_packet(topic, payload, Some(packet_id)));
        let received = self.next();
        let Received::Puback(acknowledged, reason) = received else {
            panic!("{received:?} in place of PUBACK")
        };
        assert_eq!(acknowledged, packet_id);
        assert!((reason as u8) < 0x80, "{reason:?}");
    }

    /// Keeps a message on a topic.
    pub(crate) fn retain(&mut self, topic: &str, payload: &[u8]) {
        self.send_retained(&[topic.to_owned()], payload);
        assert!(matches!(self.next(), Received::Puback(_, reason) if (reason as u8) < 0x80));
    }

    /// Publishes to each topic at QoS 1, in one piece, and waits for nothing.
    pub(crate) fn send_at_least_once(&mut self, topics: &[String], payload: &[u8]) {
        self.send_each(topics, payload, |publish| publish);
    }

    /// The same with RETAIN 1.
    pub(crate) fn send_retained(&mut self, topics: &[String], payload: &[u8]) {
        self.send_each(topics, payload, |publish| Publish { retain: true, ..publish });
    }

    fn send_each(&mut self, topics: &[String], payload: &[u8], with: fn(Publish<'_>) -> Publish<'_>) {
        let mut bytes = Vec::new();
        for topic in topics {
            let publish = Publish {
                dup: false,
                qos: Qos::AtLeastOnce,
                retain: false,
                topic,
                packet_id: Some(self.new_id()),
                properties: Properties::EMPTY,
                payload,
            };
            Packet::Publish(with(publish)).encode(self.version, &mut bytes);
        }
        self.write(&bytes);
    }

    pub(crate) fn acknowledge(&mut self, packet_id: PacketId) {
        self.send(&Packet::Puback(Ack { packet_id, reason: Reason::Success, properties: Properties::EMPTY }));
    }

    /// PINGREQ and its answer, the next packet: all that was sent before has been handled.
    pub(crate) fn ping(&mut self) {
        self.send(&Packet::Pingreq);
        assert_eq!(self.next(), Received::Other(PacketType::Pingresp));
    }

    pub(crate) fn disconnect(mut self) {
        self.send(&Packet::Disconnect(Disconnect { reason: Reason::Success, properties: Properties::EMPTY }));
        assert_eq!(self.next(), Received::Eof);
    }

    fn new_id(&mut self) -> PacketId {
        self.last_id = self.last_id.checked_add(1).unwrap_or(1);
        PacketId::new(self.last_id).expect("counted from 1")
    }
}

impl From<&Packet<'_>> for Received {
    fn from(packet: &Packet<'_>) -> Received {
        match packet {
            Packet::Connack(connack) => Received::Connack(connack.reason),
            Packet::Publish(publish) => Received::Publish {
                topic: publish.topic.to_owned(),
                payload: publish.payload.to_vec(),
                qos: publish.qos,
                packet_id: publish.packet_id,
            },
            Packet::Puback(ack) => Received::Puback(ack.packet_id, ack.reason),
            Packet::Suback(suback) => Received::Suback(suback.codes.to_vec()),
            Packet::Disconnect(disconnect) => Received::Disconnect(disconnect.reason),
            other => Received::Other(other.kind()),
        }
    }
}

/// A CONNECT with a clean start, without keep alive.
pub(crate) fn connect_bytes(version: Version, client_id: &str) -> Vec<u8> {
    let connect = Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        properties: Properties::EMPTY,
        client_id,
        will: None,
        user_name: None,
        password: None,
    };
    let mut bytes = Vec::new();
    Packet::Connect(connect).encode(version, &mut bytes);
    bytes
}

/// A PUBLISH, at QoS 1 if it has an identifier.
pub(crate) fn publish_packet<'a>(
    topic: &'a str,
    payload: &'a [u8],
    packet_id: Option<PacketId>,
) -> Packet<'a> {
    let qos = if packet_id.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    let properties = Properties::EMPTY;
    Packet::Publish(Publish { dup: false, qos, retain: false, topic, packet_id, properties, payload })
}
