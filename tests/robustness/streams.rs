//! What a client sends, from its CONNECT to its end, good and bad.
//!
//! Owns the streams. Must never know how a stream is cut. With several shards a SUBSCRIBE is answered when all know of
//! it, so no stream leaves behind one, nor publishes what one might still read as retained: those are races, which
//! either may win.

use ringmq_protocol::{
    Ack, Connect, Disconnect, FilterBuf, Packet, PacketId, Properties, Property, PropertyBuf, Publish, Qos,
    Reason, RetainHandling, Subscribe, SubscribeOptions, TopicFilterBuf, Unsubscribe, Version, Will,
};

const OPTIONS: SubscribeOptions = SubscribeOptions {
    qos: Qos::ExactlyOnce,
    no_local: false,
    retain_as_published: false,
    retain_handling: RetainHandling::Always,
};

/// Streams of a few bytes: every way of cutting them can be tried.
pub(crate) fn short() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a PINGREQ before CONNECT", vec![0xC0, 0]),
        ("packet type 0", vec![0, 1, 2]),
        ("a length of five bytes", vec![0x10, 0x80, 0x80, 0x80, 0x80, 1]),
        ("a length not in its shortest form", vec![0x10, 0x8C, 0x00, 0]),
        ("a CONNECT above the limit", vec![0x10, 0xFF, 0xFF, 0x7F, 0, 4]),
        ("another protocol", b"\x10\x08\0\x02XY\x04\x02\0\0".to_vec()),
        ("a protocol level of old", b"\x10\x0A\0\x04MQTT\x02\x02\0\0".to_vec()),
        ("the reserved connect flag", b"\x10\x0A\0\x04MQTT\x04\x03\0\0".to_vec()),
    ]
}

/// Streams of some hundred bytes, in every version.
pub(crate) fn long() -> Vec<(String, Vec<u8>)> {
    let makers: [(&str, Maker); 6] = [
        ("publisher", publisher),
        ("subscriber", subscriber),
        ("reader of retained messages", reader),
        ("member of a group", member),
        ("wrong identifier", wrong_identifier),
        ("second CONNECT", second_connect),
    ];
    let mut streams = Vec::new();
    for version in Version::ALL {
        for (name, make) in makers {
            let mut stream = Stream { version, bytes: Vec::new() };
            make(&mut stream);
            streams.push((format!("{name}, {version:?}"), stream.bytes));
        }
    }
    streams
}

/// Fills a stream.
type Maker = fn(&mut Stream);

/// Packets of one client, encoded one behind the other.
struct Stream {
    version: Version,
    bytes: Vec<u8>,
}

impl Stream {
    fn add(&mut self, packet: &Packet<'_>) {
        packet.encode(self.version, &mut self.bytes);
    }

    fn connect(&mut self, client_id: &str, properties: &[Property<'_>], will: Option<Will<'_>>) {
        let properties = section(properties);
        self.add(&Packet::Connect(Connect {
            version: self.version,
            is_bridge: false,
            clean_start: true,
            keep_alive_s: 0,
            properties: properties.as_properties(),
            client_id,
            will,
            user_name: Some("user"),
            password: Some(b"password"),
        }));
    }

    fn publish(&mut self, topic: &str, qos: Qos, id: u16, properties: &[Property<'_>]) {
        let properties = section(properties);
        self.add(&Packet::Publish(publish(topic, qos, id, properties.as_properties())));
    }

    fn retain(&mut self, topic: &str, qos: Qos, id: u16) {
        let retained = Publish { retain: true, ..publish(topic, qos, id, Properties::EMPTY) };
        self.add(&Packet::Publish(retained));
    }

    fn subscribe(&mut self, id: u16, filters: &[&str], properties: &[Property<'_>]) {
        let (properties, mut section_of_filters) = (section(properties), FilterBuf::new());
        for filter in filters {
            section_of_filters.push(filter, OPTIONS);
        }
        let (properties, filters) = (properties.as_properties(), section_of_filters.as_filters());
        self.add(&Packet::Subscribe(Subscribe { packet_id: packet_id(id), properties, filters }));
    }

    fn unsubscribe(&mut self, id: u16, filters: &[&str]) {
        let mut section = TopicFilterBuf::new();
        for filter in filters {
            section.push(filter);
        }
        let (properties, filters) = (Properties::EMPTY, section.as_filters());
        self.add(&Packet::Unsubscribe(Unsubscribe { packet_id: packet_id(id), properties, filters }));
    }

    fn disconnect(&mut self, reason: Reason) {
        let reason = if self.version.is_v5() { reason } else { Reason::Success };
        self.add(&Packet::Disconnect(Disconnect { reason, properties: Properties::EMPTY }));
    }
}

fn section(properties: &[Property<'_>]) -> PropertyBuf {
    let mut section = PropertyBuf::new();
    for property in properties {
        section.push(*property);
    }
    section
}

fn packet_id(number: u16) -> PacketId {
    PacketId::new(number).expect("an identifier that is not 0")
}

fn ack(id: u16) -> Ack<'static> {
    Ack { packet_id: packet_id(id), reason: Reason::Success, properties: Properties::EMPTY }
}

fn publish<'a>(topic: &'a str, qos: Qos, id: u16, properties: Properties<'a>) -> Publish<'a> {
    let packet_id = (qos > Qos::AtMostOnce).then(|| packet_id(id));
    Publish { dup: false, qos, retain: false, topic, packet_id, properties, payload: b"payload" }
}

/// Publishes at every QoS, with and without aliases, and leaves with its will.
fn publisher(stream: &mut Stream) {
    let delay = section(&[Property::WillDelay(3), Property::ContentType("text")]);
    let properties = delay.as_properties();
    let will = Will { qos: Qos::AtLeastOnce, retain: true, properties, topic: "gone", payload: b"gone" };
    stream.connect("publisher", &[Property::SessionExpiry(60)], Some(will));
    stream.publish(
        "a/b",
        Qos::AtMostOnce,
        0,
        &[Property::MessageExpiry(5), Property::UserProperty("k", "v")],
    );
    stream.publish("a/b", Qos::AtLeastOnce, 7, &[Property::TopicAlias(1)]);
    let by_alias = if stream.version.is_v5() { "" } else { "a/b" };
    stream.publish(by_alias, Qos::ExactlyOnce, 8, &[Property::TopicAlias(1)]);
    stream.publish("a/b", Qos::ExactlyOnce, 8, &[]);
    stream.add(&Packet::Pubrel(ack(8)));
    stream.add(&Packet::Pubrel(ack(9)));
    stream.add(&Packet::Pingreq);
    stream.disconnect(Reason::DisconnectWithWill);
}

/// Hears itself through overlapping filters, within a window of two, and acknowledges.
fn subscriber(stream: &mut Stream) {
    stream.connect("subscriber", &[Property::ReceiveMaximum(2), Property::TopicAliasMaximum(1)], None);
    stream.subscribe(1, &["news/+", "news/#", "no/#/filter"], &[Property::SubscriptionId(300)]);
    for (id, qos) in [(2, Qos::AtLeastOnce), (3, Qos::ExactlyOnce), (4, Qos::AtLeastOnce)] {
        stream.publish("news/today", qos, id, &[]);
    }
    stream.publish("news/today", Qos::AtMostOnce, 0, &[]);
    stream.add(&Packet::Puback(ack(1)));
    stream.add(&Packet::Pubrec(ack(2)));
    stream.add(&Packet::Pubcomp(ack(2)));
    stream.add(&Packet::Pubrec(ack(99)));
    stream.unsubscribe(5, &["news/+", "never/+"]);
    stream.publish("news/today", Qos::AtMostOnce, 0, &[]);
}

/// Retains, replaces, erases, and reads what is left.
fn reader(stream: &mut Stream) {
    stream.connect("reader", &[], None);
    for (number, topic) in (10..).zip(["r/1", "r/2", "r/3", "r/1"]) {
        stream.retain(topic, Qos::AtLeastOnce, number);
    }
    let erasure =
        Publish { retain: true, payload: &[], ..publish("r/2", Qos::AtMostOnce, 0, Properties::EMPTY) };
    stream.add(&Packet::Publish(erasure));
    stream.subscribe(20, &["r/3"], &[]);
}

/// Joins a group with two filters of the same name, and leaves without a word.
fn member(stream: &mut Stream) {
    stream.connect("member", &[], None);
    stream.subscribe(1, &["$share/group/job/+", "$share/group/job/1"], &[]);
    stream.publish("job/2", Qos::AtLeastOnce, 2, &[]);
    stream.unsubscribe(3, &["$share/group/job/+"]);
    stream.publish("job/2", Qos::AtMostOnce, 0, &[]);
}

/// Ends in a packet with identifier 0, and says more behind it.
fn wrong_identifier(stream: &mut Stream) {
    stream.connect("wrong", &[], None);
    stream.bytes.extend_from_slice(&[0x40, 2, 0, 0]);
    stream.add(&Packet::Pingreq);
}

fn second_connect(stream: &mut Stream) {
    stream.connect("twice", &[], None);
    stream.connect("twice", &[], None);
    stream.add(&Packet::Pingreq);
}
