//! Writes the seeds of the byte-wise targets: whole conversations that a fuzzer would be long in finding.
//!
//! `scripts/fuzz.sh` runs it: `seeds FOLDER` writes FOLDER/TARGET/NAME. The structured targets need none: what their
//! bytes mean changes with every step that is added.

use std::env;
use std::fs;
use std::io;
use std::path::Path;

use ringmq_protocol::{
    Ack, Auth, Connect, Disconnect, FilterBuf, Packet, PacketId, Properties, Property, PropertyBuf, Publish,
    Qos, Reason, RetainHandling, Subscribe, SubscribeOptions, TopicFilterBuf, Unsubscribe, Version, Will,
};

/// What [`ringmq_fuzz::split`] reads before the stream: one shard, two, everything refused, all of it.
const CHOICES: [[u8; 3]; 4] = [[0, 7, 0], [1, 8, 0], [2, 9, 0], [7, 10, 0]];

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).ok_or(io::Error::other("usage: seeds FOLDER"))?;
    let folder = Path::new(&folder);
    for version in Version::ALL {
        let streams = [publisher(version), subscriber(version), talker(version)];
        for (number, stream) in streams.into_iter().enumerate() {
            let name = format!("level{}-{number}", version.level());
            write(folder, "decode", &name, &stream)?;
            for choice in CHOICES {
                let input = [&choice[..], &stream].concat();
                write(folder, "split", &format!("{name}-{}", choice[0]), &input)?;
            }
        }
    }
    write(folder, "decode", "server", &server())?;
    write(folder, "decode", "auth", &auth())
}

fn write(folder: &Path, target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = folder.join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// Packets of one client, encoded one behind the other.
struct Stream {
    version: Version,
    bytes: Vec<u8>,
}

impl Stream {
    fn new(version: Version) -> Stream {
        Stream { version, bytes: Vec::new() }
    }

    fn add(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.bytes);
    }

    fn connect(&mut self, client_id: &str, properties: &PropertyBuf, will: Option<Will<'_>>) {
        self.add(&Packet::Connect(Connect {
            version: self.version,
            is_bridge: false,
            clean_start: false,
            keep_alive_s: 30,
            properties: properties.as_properties(),
            client_id,
            will,
            user_name: Some("u"),
            password: Some(b"p"),
        }));
    }

    fn publish(&mut self, topic: &str, packet_id: u16, properties: &PropertyBuf, retain: Retain) {
        let qos = Qos::from_bits((packet_id % 3) as u8).unwrap_or_default();
        self.add(&Packet::Publish(Publish {
            dup: false,
            qos,
            retain: matches!(retain, Retain::Yes),
            topic,
            packet_id: if qos == Qos::AtMostOnce { None } else { PacketId::new(packet_id) },
            properties: properties.as_properties(),
            payload: b"hello",
        }));
    }

    fn subscribe(&mut self, filters: &[&str], properties: &PropertyBuf) {
        let mut buffer = FilterBuf::new();
        for filter in filters {
            buffer.push(filter, self.options());
        }
        let (properties, filters) = (properties.as_properties(), buffer.as_filters());
        self.add(&Packet::Subscribe(Subscribe { packet_id: id(9), properties, filters }));
    }

    fn options(&self) -> SubscribeOptions {
        let retain_handling =
            if self.version.is_v5() { RetainHandling::IfNew } else { RetainHandling::Always };
        let retain_as_published = self.version.is_v5();
        SubscribeOptions { qos: Qos::ExactlyOnce, no_local: false, retain_as_published, retain_handling }
    }
}

/// Whether a message is retained.
#[derive(Clone, Copy)]
enum Retain {
    Yes,
    No,
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).expect("not 0")
}

fn ack(number: u16, reason: Reason) -> Ack<'static> {
    Ack { packet_id: id(number), reason, properties: Properties::EMPTY }
}

/// Publishes in every way, and leaves with its will.
fn publisher(version: Version) -> Vec<u8> {
    let [none, mut terms, mut delay, mut full] = [const { PropertyBuf::new() }; 4];
    terms.push(Property::SessionExpiry(60)).push(Property::RequestProblemInformation(0));
    delay.push(Property::WillDelay(5)).push(Property::MessageExpiry(9)).push(Property::ContentType("t"));
    full.push(Property::PayloadFormat(1)).push(Property::MessageExpiry(1)).push(Property::ContentType("c"));
    full.push(Property::ResponseTopic("r")).push(Property::CorrelationData(b"d"));
    full.push(Property::UserProperty("k", "v")).push(Property::TopicAlias(1));
    let properties = delay.as_properties();
    let will = Will { qos: Qos::AtLeastOnce, retain: true, properties, topic: "w", payload: b"gone" };
    let mut stream = Stream::new(version);
    stream.connect("pub", &terms, Some(will));
    stream.publish("a/b", 1, &none, Retain::Yes);
    stream.publish("a/b", 2, &full, Retain::No);
    stream.publish(if version.is_v5() { "" } else { "a" }, 3, &full, Retain::No);
    stream.add(&Packet::Pubrel(ack(2, Reason::Success)));
    stream.publish("a/b/c", 4, &none, Retain::Yes);
    let properties = Properties::EMPTY;
    let reason = if version.is_v5() { Reason::DisconnectWithWill } else { Reason::Success };
    stream.add(&Packet::Disconnect(Disconnect { reason, properties }));
    stream.bytes
}

/// Subscribes in every way, and hears itself.
fn subscriber(version: Version) -> Vec<u8> {
    let [none, mut terms, mut identifier] = [const { PropertyBuf::new() }; 3];
    terms.push(Property::ReceiveMaximum(1)).push(Property::MaximumPacketSize(64));
    terms.push(Property::TopicAliasMaximum(2));
    identifier.push(Property::SubscriptionId(300));
    let mut stream = Stream::new(version);
    stream.connect("sub", &terms, None);
    stream.publish("a/b", 3, &none, Retain::Yes);
    stream.subscribe(&["a/+", "#", "$share/g/a/b"], &identifier);
    stream.publish("a/b", 4, &none, Retain::No);
    stream.publish("a/b", 5, &none, Retain::No);
    stream.add(&Packet::Puback(ack(1, Reason::Success)));
    stream.add(&Packet::Pubrec(ack(2, Reason::Success)));
    stream.add(&Packet::Pubcomp(ack(2, Reason::Success)));
    let mut filters = TopicFilterBuf::new();
    filters.push("a/+").push("$share/g/a/b").push("no/+");
    let (properties, filters) = (Properties::EMPTY, filters.as_filters());
    stream.add(&Packet::Unsubscribe(Unsubscribe { packet_id: id(10), properties, filters }));
    stream.bytes
}

/// Says what may be said at any time, and then what may not.
fn talker(version: Version) -> Vec<u8> {
    let none = PropertyBuf::new();
    let mut stream = Stream::new(version);
    stream.connect("talk", &none, None);
    stream.add(&Packet::Pingreq);
    stream.subscribe(&["a/#/b", "", "$share//x", "+"], &none);
    stream.add(&Packet::Pubrel(ack(5, Reason::Success)));
    stream.publish("x", 6, &none, Retain::No);
    stream.connect("talk", &none, None);
    stream.bytes
}

/// What only servers send.
fn server() -> Vec<u8> {
    let mut bytes = vec![0x20, 3, 0, 0, 0, 0x90, 5, 0, 1, 0, 0, 0x80, 0xB0, 4, 0, 1, 0, 0x11];
    bytes.extend_from_slice(&[0xD0, 0, 0xE0, 7, 0x8B, 5, 0x11, 0, 0, 0, 1]);
    bytes
}

fn auth() -> Vec<u8> {
    let mut properties = PropertyBuf::new();
    properties.push(Property::AuthenticationMethod("m")).push(Property::AuthenticationData(b"d"));
    let mut stream = Stream::new(Version::V5);
    let properties = properties.as_properties();
    stream.add(&Packet::Auth(Auth { reason: Reason::ContinueAuthentication, properties }));
    stream.bytes
}
