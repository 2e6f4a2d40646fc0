//! What packets are made of, owned: any version, any type, any fields that go together.

use proptest::prelude::*;

use crate::property::{Kind, Row};
use crate::writer::{put_binary, put_length};
use crate::{
    Ack, Auth, Connack, Connect, Disconnect, FilterBuf, Packet, PacketId, PacketType, Place, Properties,
    Publish, Qos, Reason, RetainHandling, Suback, Subscribe, SubscribeOptions, TopicFilterBuf, Unsuback,
    Unsubscribe, Version, Will,
};

const AUTHENTICATION_METHOD: [u8; 4] = [0x15, 0, 1, b'm'];

/// Fields for one packet; those that its type or version lacks are not used.
#[derive(Clone, Debug)]
pub(super) struct Material {
    pub(super) version: Version,
    kind: PacketType,
    packet_id: PacketId,
    reason: Reason,
    section: Vec<u8>,
    will_section: Vec<u8>,
    qos: Qos,
    flags: [bool; 4],
    keep_alive_s: u16,
    text: String,
    topic: String,
    payload: Vec<u8>,
    user_name: Option<String>,
    filters: Vec<(String, SubscribeOptions)>,
    codes: Vec<u8>,
    filter_buf: FilterBuf,
    topic_filter_buf: TopicFilterBuf,
}

impl Material {
    pub(super) fn packet(&self) -> Packet<'_> {
        let (packet_id, reason, properties) = (self.packet_id, self.reason, self.properties());
        let ack = Ack { packet_id, reason, properties };
        let codes = &self.codes;
        match self.kind {
            PacketType::Connect => Packet::Connect(self.connect()),
            PacketType::Connack => Packet::Connack(self.connack()),
            PacketType::Publish => Packet::Publish(self.publish()),
            PacketType::Puback => Packet::Puback(ack),
            PacketType::Pubrec => Packet::Pubrec(ack),
            PacketType::Pubrel => Packet::Pubrel(ack),
            PacketType::Pubcomp => Packet::Pubcomp(ack),
            PacketType::Subscribe => {
                Packet::Subscribe(Subscribe { packet_id, properties, filters: self.filter_buf.as_filters() })
            }
            PacketType::Suback => Packet::Suback(Suback { packet_id, properties, codes }),
            PacketType::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
                packet_id,
                properties,
                filters: self.topic_filter_buf.as_filters(),
            }),
            PacketType::Unsuback => Packet::Unsuback(Unsuback { packet_id, properties, codes }),
            PacketType::Pingreq => Packet::Pingreq,
            PacketType::Pingresp => Packet::Pingresp,
            PacketType::Disconnect => Packet::Disconnect(Disconnect { reason, properties }),
            PacketType::Auth => Packet::Auth(Auth { reason, properties }),
        }
    }

    fn properties(&self) -> Properties<'_> {
        Properties::parse(&self.section, Place::Packet(self.kind)).unwrap()
    }

    fn connect(&self) -> Connect<'_> {
        let [clean_start, has_will, retain, has_password] = self.flags;
        let will = Will {
            qos: self.qos,
            retain,
            properties: Properties::parse(&self.will_section, Place::Will).unwrap(),
            topic: &self.topic,
            payload: &self.payload,
        };
        let password = has_password && (self.version.is_v5() || self.user_name.is_some());
        Connect {
            version: self.version,
            is_bridge: false,
            clean_start,
            keep_alive_s: self.keep_alive_s,
            properties: self.properties(),
            client_id: &self.text,
            will: has_will.then_some(will),
            user_name: self.user_name.as_deref(),
            password: password.then_some(&self.payload),
        }
    }

    fn connack(&self) -> Connack<'_> {
        let session_present = self.flags[0] && self.version != Version::V31 && self.reason == Reason::Success;
        Connack { session_present, reason: self.reason, properties: self.properties() }
    }

    fn publish(&self) -> Publish<'_> {
        let [dup, retain, prefers_alias, _] = self.flags;
        let acknowledged = self.qos > Qos::AtMostOnce;
        let properties = self.properties();
        let by_alias = prefers_alias && properties.topic_alias().is_some();
        Publish {
            dup: dup && acknowledged,
            qos: self.qos,
            retain,
            topic: if by_alias { "" } else { &self.topic },
            packet_id: acknowledged.then_some(self.packet_id),
            properties,
            payload: &self.payload,
        }
    }

    /// Drops what the type and version cannot tell and builds the lists.
    fn settle(mut self) -> Material {
        match (self.version, self.kind) {
            (Version::V5, PacketType::Auth) => self.require_method(),
            (Version::V5, PacketType::Connect) if self.properties().authentication_data().is_some() => {
                self.require_method();
            }
            (Version::V5, _) => {}
            (_, kind) => self.make_older(kind),
        }
        for (filter, options) in &mut self.filters {
            options.no_local &= !filter.starts_with("$share/");
            self.filter_buf.push(filter, *options);
            self.topic_filter_buf.push(filter);
        }
        self
    }

    fn require_method(&mut self) {
        if self.properties().authentication_method().is_none() {
            self.section.extend(AUTHENTICATION_METHOD);
        }
    }

    fn make_older(&mut self, kind: PacketType) {
        self.section.clear();
        self.will_section.clear();
        self.filters.iter_mut().for_each(|(_, options)| {
            *options = SubscribeOptions { qos: options.qos, ..SubscribeOptions::default() };
        });
        match kind {
            PacketType::Connack => {
                let code = self.reason.as_311_connack().unwrap_or(3);
                self.reason = Reason::from_311_connack(code).unwrap();
            }
            PacketType::Suback => self.codes.iter_mut().for_each(|code| *code = (*code).min(0x80)),
            PacketType::Unsuback => self.codes.clear(),
            _ => self.reason = Reason::Success,
        }
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9/]{0,12}", "[^\\x00]{0,8}", "[a-z]{120,140}"]
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z/$]{1,12}", "[^\\x00+#]{1,8}", "[a-z/]{120,140}"]
}

fn filter() -> impl Strategy<Value = (String, SubscribeOptions)> {
    let handling =
        prop::sample::select(vec![RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never]);
    let options = (qos(), any::<bool>(), any::<bool>(), handling);
    let options = options.prop_map(|(qos, no_local, retain_as_published, retain_handling)| {
        SubscribeOptions { qos, no_local, retain_as_published, retain_handling }
    });
    (prop_oneof![text(), "\\$share/[a-z]{1,3}/[a-z+#/]{0,4}"], options)
}

fn qos() -> impl Strategy<Value = Qos> {
    prop::sample::select(vec![Qos::AtMostOnce, Qos::AtLeastOnce, Qos::ExactlyOnce])
}

fn reasons_of(kind: PacketType) -> Vec<Reason> {
    let listed: Vec<_> = Reason::ALL.iter().copied().filter(|reason| reason.allowed_in(kind)).collect();
    if listed.is_empty() { vec![Reason::Success] } else { listed }
}

/// One property with a value that is allowed, encoded.
fn property(id: u8) -> BoxedStrategy<Vec<u8>> {
    let row = Row::of(id).unwrap();
    let field = |bytes: &[u8]| {
        let mut out = Vec::new();
        put_binary(&mut out, bytes);
        out
    };
    let value = match (row.kind, id) {
        (Kind::Byte, _) => (0..=1_u8).prop_map(|value| vec![value]).boxed(),
        (Kind::TwoByte, _) => (1..=u16::MAX).prop_map(|value| value.to_be_bytes().to_vec()).boxed(),
        (Kind::FourByte, _) => (1..=u32::MAX).prop_map(|value| value.to_be_bytes().to_vec()).boxed(),
        (Kind::Length, _) => prop_oneof![1..200_usize, 1..=268_435_455_usize]
            .prop_map(|value| {
                let mut out = Vec::new();
                put_length(&mut out, value);
                out
            })
            .boxed(),
        (Kind::Text, 0x08) => topic().prop_map(move |text| field(text.as_bytes())).boxed(),
        (Kind::Text, _) => text().prop_map(move |text| field(text.as_bytes())).boxed(),
        (Kind::Binary, _) => {
            prop::collection::vec(any::<u8>(), 0..8).prop_map(move |bytes| field(&bytes)).boxed()
        }
        (Kind::Pair, _) => (text(), text())
            .prop_map(move |(name, value)| [field(name.as_bytes()), field(value.as_bytes())].concat())
            .boxed(),
    };
    value.prop_map(move |value| [&[id], value.as_slice()].concat()).boxed()
}

/// A valid section of this place: properties of the place, of which forbidden repeats are left out.
fn section(place: Place) -> BoxedStrategy<Vec<u8>> {
    let of_place = |id: &u8| Row::of(*id).is_some_and(|row| row.check_place(place).is_ok());
    let ids: Vec<u8> = (0..=255).filter(of_place).collect();
    if ids.is_empty() {
        return Just(Vec::new()).boxed();
    }
    let properties = prop::collection::vec(prop::sample::select(ids).prop_flat_map(property), 0..8);
    properties
        .prop_map(move |properties| {
            properties.into_iter().fold(Vec::new(), |section, property| {
                let longer = [section.as_slice(), &property].concat();
                if Properties::parse(&longer, place).is_ok() { longer } else { section }
            })
        })
        .boxed()
}

/// Material for any packet.
pub(super) fn material() -> impl Strategy<Value = Material> {
    material_of(prop::sample::select(PacketType::ALL.to_vec()))
}

/// Material for a packet of one of these types.
pub(super) fn material_of(kinds: impl Strategy<Value = PacketType>) -> impl Strategy<Value = Material> {
    (kinds, prop::sample::select(Version::ALL.to_vec())).prop_flat_map(|(kind, version)| {
        let version = if kind == PacketType::Auth { Version::V5 } else { version };
        let codes = reasons_of(kind).into_iter().map(Reason::as_byte).collect::<Vec<_>>();
        let head =
            (prop::sample::select(reasons_of(kind)), section(Place::Packet(kind)), section(Place::Will));
        let numbers = (any::<PacketId>(), qos(), any::<[bool; 4]>(), any::<u16>());
        let texts = (text(), topic(), prop::option::of(text()));
        let lists = (
            prop::collection::vec(any::<u8>(), 0..40),
            prop::collection::vec(filter(), 1..4),
            prop::collection::vec(prop::sample::select(codes), 1..4),
        );
        (head, numbers, texts, lists).prop_map(move |(head, numbers, texts, lists)| {
            Material {
                version,
                kind,
                packet_id: numbers.0,
                reason: head.0,
                section: head.1,
                will_section: head.2,
                qos: numbers.1,
                flags: numbers.2,
                keep_alive_s: numbers.3,
                text: texts.0,
                topic: texts.1,
                payload: lists.0,
                user_name: texts.2,
                filters: lists.1,
                codes: lists.2,
                filter_buf: FilterBuf::new(),
                topic_filter_buf: TopicFilterBuf::new(),
            }
            .settle()
        })
    })
}
