//! Packets of a client, right or wrong on purpose.
//!
//! Owns builders and raw pieces. Must never refuse anything.

use crate::wire::properties::{Properties, SESSION_EXPIRY, Value};
use crate::wire::{Version, first};

/// Subscription options beside the QoS in bits 0 and 1.
pub(crate) const NO_LOCAL: u8 = 0x04;
pub(crate) const RETAIN_AS_PUBLISHED: u8 = 0x08;
pub(crate) const RETAIN_IF_NEW: u8 = 0x10;
pub(crate) const RETAIN_NEVER: u8 = 0x20;

/// Something that can be sent.
pub(crate) trait Encode {
    /// Its bytes in `version`.
    fn encode(&self, version: Version) -> Vec<u8>;
}

impl Encode for Vec<u8> {
    fn encode(&self, _: Version) -> Vec<u8> {
        self.clone()
    }
}

impl Encode for &[u8] {
    fn encode(&self, _: Version) -> Vec<u8> {
        self.to_vec()
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, _: Version) -> Vec<u8> {
        self.to_vec()
    }
}

/// A variable byte integer.
pub(crate) fn length(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7F) as u8;
        value >>= 7;
        bytes.push(if value > 0 { low | 0x80 } else { low });
        if value == 0 {
            return bytes;
        }
    }
}

/// A string or binary data: length in two bytes, then the bytes.
pub(crate) fn string(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

/// A packet of a first byte and a body in pieces.
pub(crate) fn packet(first: u8, pieces: &[&[u8]]) -> Vec<u8> {
    let body = pieces.concat();
    [vec![first], length(body.len()), body].concat()
}

fn properties_in(version: Version, properties: &Properties) -> Vec<u8> {
    if version.is_v5() { properties.encode() } else { Vec::new() }
}

/// A will.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    topic: Vec<u8>,
    payload: Vec<u8>,
    qos: u8,
    retain: bool,
    properties: Properties,
}

impl Will {
    pub(crate) fn new(topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Will {
        let (topic, payload) = (topic.as_ref().to_vec(), payload.as_ref().to_vec());
        Will { topic, payload, qos: 0, retain: false, properties: Properties::none() }
    }

    pub(crate) fn qos(mut self, qos: u8) -> Will {
        self.qos = qos;
        self
    }

    pub(crate) fn retained(mut self) -> Will {
        self.retain = true;
        self
    }

    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Will {
        self.properties = self.properties.with(id, value);
        self
    }

    fn flags(&self) -> u8 {
        0x04 | self.qos << 3 | u8::from(self.retain) << 5
    }
}

/// CONNECT. Clean unless told otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    client_id: Vec<u8>,
    clean: bool,
    keep_alive_s: u16,
    properties: Properties,
    will: Option<Will>,
    user_name: Option<Vec<u8>>,
    password: Option<Vec<u8>>,
}

impl Connect {
    pub(crate) fn new(client_id: impl AsRef<[u8]>) -> Connect {
        Connect {
            client_id: client_id.as_ref().to_vec(),
            clean: true,
            keep_alive_s: 0,
            properties: Properties::none(),
            will: None,
            user_name: None,
            password: None,
        }
    }

    /// Who connects, for the protocol of the test.
    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.client_id).into_owned()
    }

    /// Clean Start 0.
    pub(crate) fn resuming(mut self) -> Connect {
        self.clean = false;
        self
    }

    /// Clean Start 0 with a session that outlives the connection, in any version.
    pub(crate) fn kept(self) -> Connect {
        self.resuming().with(SESSION_EXPIRY, 3600_u32)
    }

    pub(crate) fn keep_alive(mut self, seconds: u16) -> Connect {
        self.keep_alive_s = seconds;
        self
    }

    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Connect {
        self.properties = self.properties.with(id, value);
        self
    }

    pub(crate) fn will(mut self, will: Will) -> Connect {
        self.will = Some(will);
        self
    }

    pub(crate) fn user_name(mut self, name: impl AsRef<[u8]>) -> Connect {
        self.user_name = Some(name.as_ref().to_vec());
        self
    }

    pub(crate) fn password(mut self, password: impl AsRef<[u8]>) -> Connect {
        self.password = Some(password.as_ref().to_vec());
        self
    }

    /// The Connect Flags.
    pub(crate) fn flags(&self) -> u8 {
        u8::from(self.clean) << 1
            | self.will.as_ref().map_or(0, Will::flags)
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user_name.is_some()) << 7
    }

    /// The payload, from the client identifier on.
    pub(crate) fn payload(&self, version: Version) -> Vec<u8> {
        let mut payload = string(&self.client_id);
        if let Some(will) = &self.will {
            payload.extend(properties_in(version, &will.properties));
            payload.extend(string(&will.topic));
            payload.extend(string(&will.payload));
        }
        for field in [&self.user_name, &self.password].into_iter().flatten() {
            payload.extend(string(field));
        }
        payload
    }

    /// Its bytes with other flags than those that belong to it.
    pub(crate) fn encode_with_flags(&self, version: Version, flags: u8) -> Vec<u8> {
        let name = string(version.name());
        self.encode_as(&[&name[..], &[version.level(), flags]].concat(), version)
    }

    /// Its bytes with `beginning` in place of name, level and flags.
    pub(crate) fn encode_as(&self, beginning: &[u8], version: Version) -> Vec<u8> {
        let keep_alive = self.keep_alive_s.to_be_bytes();
        let properties = properties_in(version, &self.properties);
        packet(first::CONNECT, &[beginning, &keep_alive, &properties, &self.payload(version)])
    }
}

impl Encode for Connect {
    fn encode(&self, version: Version) -> Vec<u8> {
        self.encode_with_flags(version, self.flags())
    }
}

/// PUBLISH.
#[derive(Clone, Debug)]
pub(crate) struct Publish {
    pub(crate) qos: u8,
    pub(crate) id: u16,
    dup: bool,
    retain: bool,
    topic: Vec<u8>,
    properties: Properties,
    payload: Vec<u8>,
}

impl Publish {
    pub(crate) fn new(topic: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> Publish {
        let (topic, payload) = (topic.as_ref().to_vec(), payload.as_ref().to_vec());
        Publish { qos: 0, id: 0, dup: false, retain: false, topic, properties: Properties::none(), payload }
    }

    pub(crate) fn qos(mut self, qos: u8) -> Publish {
        self.qos = qos;
        self
    }

    /// Packet identifier; the client chooses one if this is not called.
    pub(crate) fn id(mut self, id: u16) -> Publish {
        self.id = id;
        self
    }

    pub(crate) fn dup(mut self) -> Publish {
        self.dup = true;
        self
    }

    pub(crate) fn retained(mut self) -> Publish {
        self.retain = true;
        self
    }

    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Publish {
        self.properties = self.properties.with(id, value);
        self
    }
}

impl Encode for Publish {
    fn encode(&self, version: Version) -> Vec<u8> {
        let flags = u8::from(self.dup) << 3 | self.qos << 1 | u8::from(self.retain);
        let id = self.id.to_be_bytes();
        let id = if self.qos > 0 { &id[..] } else { &[] };
        let properties = properties_in(version, &self.properties);
        packet(first::PUBLISH | flags, &[&string(&self.topic), id, &properties, &self.payload])
    }
}

/// SUBSCRIBE.
#[derive(Clone, Debug)]
pub(crate) struct Subscribe {
    pub(crate) id: u16,
    properties: Properties,
    filters: Vec<(Vec<u8>, u8)>,
}

impl Subscribe {
    /// One filter with its options byte.
    pub(crate) fn to(filter: impl AsRef<[u8]>, options: u8) -> Subscribe {
        Subscribe { id: 0, properties: Properties::none(), filters: Vec::new() }.and(filter, options)
    }

    /// One filter more.
    pub(crate) fn and(mut self, filter: impl AsRef<[u8]>, options: u8) -> Subscribe {
        self.filters.push((filter.as_ref().to_vec(), options));
        self
    }

    pub(crate) fn id(mut self, id: u16) -> Subscribe {
        self.id = id;
        self
    }

    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Subscribe {
        self.properties = self.properties.with(id, value);
        self
    }

    /// A subscription identifier.
    pub(crate) fn identified(self, identifier: u32) -> Subscribe {
        self.with(super::properties::SUBSCRIPTION_IDENTIFIER, Value::Variable(identifier))
    }
}

impl Encode for Subscribe {
    fn encode(&self, version: Version) -> Vec<u8> {
        let filters: Vec<u8> = self
            .filters
            .iter()
            .flat_map(|(filter, options)| [string(filter), vec![*options]].concat())
            .collect();
        let properties = properties_in(version, &self.properties);
        packet(first::SUBSCRIBE, &[&self.id.to_be_bytes(), &properties, &filters])
    }
}

/// UNSUBSCRIBE.
#[derive(Clone, Debug)]
pub(crate) struct Unsubscribe {
    pub(crate) id: u16,
    properties: Properties,
    filters: Vec<Vec<u8>>,
}

impl Unsubscribe {
    pub(crate) fn from<T: AsRef<[u8]>>(filters: &[T]) -> Unsubscribe {
        let filters = filters.iter().map(|filter| filter.as_ref().to_vec()).collect();
        Unsubscribe { id: 0, properties: Properties::none(), filters }
    }

    pub(crate) fn id(mut self, id: u16) -> Unsubscribe {
        self.id = id;
        self
    }

    pub(crate) fn with(mut self, id: u8, value: impl Into<Value>) -> Unsubscribe {
        self.properties = self.properties.with(id, value);
        self
    }
}

impl Encode for Unsubscribe {
    fn encode(&self, version: Version) -> Vec<u8> {
        let filters: Vec<u8> = self.filters.iter().flat_map(string).collect();
        let properties = properties_in(version, &self.properties);
        packet(first::UNSUBSCRIBE, &[&self.id.to_be_bytes(), &properties, &filters])
    }
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP of success, in two bytes.
pub(crate) fn ack(first: u8, id: u16) -> Vec<u8> {
    packet(first, &[&id.to_be_bytes()])
}

/// The same with a reason code and properties; 5.0 only.
pub(crate) fn ack_with(first: u8, id: u16, code: u8, properties: &Properties) -> Vec<u8> {
    packet(first, &[&id.to_be_bytes(), &[code], &properties.encode()])
}

/// DISCONNECT of a normal end.
pub(crate) fn disconnect() -> Vec<u8> {
    packet(first::DISCONNECT, &[])
}

/// DISCONNECT with a reason code and properties; 5.0 only.
pub(crate) fn disconnect_with(code: u8, properties: &Properties) -> Vec<u8> {
    packet(first::DISCONNECT, &[&[code], &properties.encode()])
}
