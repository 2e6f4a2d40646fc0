//! Packets from words: the other direction of `text`.
//!
//! Owns the grammar of what a client sends. Must never guess: a word that it does not know is an error.

use std::num::NonZeroU16;

use ringmq_protocol::{
    Ack, Connect, Disconnect, FilterBuf, Packet, PacketId, Property, PropertyBuf, Publish, Qos, Reason,
    RetainHandling, Subscribe, SubscribeOptions, TopicFilterBuf, Unsubscribe, Version, Will,
};

/// What is wrong with a line.
pub type Fault = String;

/// Cuts a line into words. A text in quotes is one word, without its quotes.
pub fn split(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for char in line.trim().chars() {
        match char {
            '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(char)),
        }
    }
    words
}

/// The version that a CONNECT names.
///
/// # Errors
/// If it names none.
pub fn version_of(words: &[String]) -> Result<Version, Fault> {
    match words.get(1).map(String::as_str) {
        Some("v31") => Ok(Version::V31),
        Some("v311") => Ok(Version::V311),
        Some("v5") => Ok(Version::V5),
        word => Err(format!("{word:?} is no version")),
    }
}

/// The bytes of the packet that `words` describe; `client` is the client identifier of a CONNECT.
///
/// # Errors
/// What is wrong with the words.
pub fn encode(client: &str, words: &[String], version: Version) -> Result<Vec<u8>, Fault> {
    let rest = words.get(1..).unwrap_or_default();
    let mut out = Vec::new();
    match words.first().map(String::as_str) {
        Some("CONNECT") => connect(client, rest, version, &mut out)?,
        Some("PUBLISH") => publish(rest, version, &mut out)?,
        Some("PUBACK") => Packet::Puback(ack(rest)?).encode(version, &mut out),
        Some("PUBREC") => Packet::Pubrec(ack(rest)?).encode(version, &mut out),
        Some("PUBREL") => Packet::Pubrel(ack(rest)?).encode(version, &mut out),
        Some("PUBCOMP") => Packet::Pubcomp(ack(rest)?).encode(version, &mut out),
        Some("SUBSCRIBE") => subscribe(rest, version, &mut out)?,
        Some("UNSUBSCRIBE") => unsubscribe(rest, version, &mut out)?,
        Some("PINGREQ") => Packet::Pingreq.encode(version, &mut out),
        Some("DISCONNECT") => disconnect(rest, version, &mut out)?,
        word => return Err(format!("a client does not send {word:?}")),
    }
    Ok(out)
}

/// Splits `key=value`; a word without `=` has an empty value.
fn pair(word: &str) -> (&str, &str) {
    word.split_once('=').unwrap_or((word, ""))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Fault> {
    text.trim_end_matches('s').parse().map_err(|_| format!("{text:?} is no number"))
}

fn qos(text: &str) -> Result<Qos, Fault> {
    Qos::from_bits(number(text)?).ok_or_else(|| format!("{text:?} is no QoS"))
}

fn packet_id(text: &str) -> Result<PacketId, Fault> {
    NonZeroU16::new(number(text)?).ok_or_else(|| "a packet identifier is not 0".into())
}

fn reason(text: &str) -> Result<Reason, Fault> {
    let byte = u8::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    byte.and_then(Reason::from_byte).ok_or_else(|| format!("{text:?} is no reason code"))
}

fn connect(client: &str, words: &[String], version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
    let (mut properties, mut will_properties) = (PropertyBuf::new(), PropertyBuf::new());
    let mut will =
        Will { qos: Qos::AtMostOnce, retain: false, properties: Default::default(), topic: "", payload: b"" };
    let mut connect = Connect {
        version,
        is_bridge: false,
        clean_start: false,
        keep_alive_s: 0,
        properties: Default::default(),
        client_id: client,
        will: None,
        user_name: None,
        password: None,
    };
    for word in words.iter().skip(1) {
        match pair(word) {
            ("clean", _) => connect.clean_start = true,
            ("keepalive", s) => connect.keep_alive_s = number(s)?,
            ("expiry", s) => drop(properties.push(Property::SessionExpiry(number(s)?))),
            ("receive", count) => drop(properties.push(Property::ReceiveMaximum(number(count)?))),
            ("packet", bytes) => drop(properties.push(Property::MaximumPacketSize(number(bytes)?))),
            ("aliases", count) => drop(properties.push(Property::TopicAliasMaximum(number(count)?))),
            ("will", topic) => will.topic = topic,
            ("will-payload", payload) => will.payload = payload.as_bytes(),
            ("will-qos", bits) => will.qos = qos(bits)?,
            ("will-retain", _) => will.retain = true,
            ("will-delay", s) => drop(will_properties.push(Property::WillDelay(number(s)?))),
            ("will-expiry", s) => drop(will_properties.push(Property::MessageExpiry(number(s)?))),
            _ => return Err(format!("CONNECT does not have {word:?}")),
        }
    }
    connect.properties = properties.as_properties();
    will.properties = will_properties.as_properties();
    connect.will = (!will.topic.is_empty()).then_some(will);
    Packet::Connect(connect).encode(version, out);
    Ok(())
}

fn publish(words: &[String], version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
    let [topic, payload, words @ ..] = words else {
        return Err("PUBLISH needs a topic and a payload".into());
    };
    let mut properties = PropertyBuf::new();
    let mut publish = Publish {
        dup: false,
        qos: Qos::AtMostOnce,
        retain: false,
        topic,
        packet_id: None,
        properties: Default::default(),
        payload: payload.as_bytes(),
    };
    for word in words {
        match pair(word) {
            ("qos", bits) => publish.qos = qos(bits)?,
            ("id", id) => publish.packet_id = Some(packet_id(id)?),
            ("dup", _) => publish.dup = true,
            ("retain", _) => publish.retain = true,
            ("alias", alias) => drop(properties.push(Property::TopicAlias(number(alias)?))),
            ("expiry", s) => drop(properties.push(Property::MessageExpiry(number(s)?))),
            _ => return Err(format!("PUBLISH does not have {word:?}")),
        }
    }
    publish.properties = properties.as_properties();
    Packet::Publish(publish).encode(version, out);
    Ok(())
}

fn ack(words: &[String]) -> Result<Ack<'static>, Fault> {
    let id = words.iter().find_map(|word| word.strip_prefix("id=")).ok_or("an acknowledgement needs id=")?;
    let code = words.iter().find(|word| word.starts_with("0x"));
    let reason = code.map_or(Ok(Reason::Success), |code| reason(code))?;
    Ok(Ack { packet_id: packet_id(id)?, reason, properties: Default::default() })
}

fn subscribe(words: &[String], version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut properties = PropertyBuf::new();
    let mut filters = FilterBuf::new();
    let mut id = None;
    for word in words {
        match pair(word) {
            ("id", text) => id = Some(packet_id(text)?),
            ("sub", text) => drop(properties.push(Property::SubscriptionId(number(text)?))),
            _ => {
                let mut parts = word.split(':');
                let filter = parts.next().unwrap_or_default();
                filters.push(filter, options(parts)?);
            }
        }
    }
    let packet_id = id.ok_or("SUBSCRIBE needs id=")?;
    let (properties, filters) = (properties.as_properties(), filters.as_filters());
    Packet::Subscribe(Subscribe { packet_id, properties, filters }).encode(version, out);
    Ok(())
}

fn options<'a>(words: impl Iterator<Item = &'a str>) -> Result<SubscribeOptions, Fault> {
    let mut options = SubscribeOptions::default();
    for word in words {
        match word {
            "nl" => options.no_local = true,
            "rap" => options.retain_as_published = true,
            "new" => options.retain_handling = RetainHandling::IfNew,
            "never" => options.retain_handling = RetainHandling::Never,
            bits => options.qos = qos(bits)?,
        }
    }
    Ok(options)
}

fn unsubscribe(words: &[String], version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut filters = TopicFilterBuf::new();
    let mut id = None;
    for word in words {
        match pair(word) {
            ("id", text) => id = Some(packet_id(text)?),
            _ => drop(filters.push(word)),
        }
    }
    let packet_id = id.ok_or("UNSUBSCRIBE needs id=")?;
    let filters = filters.as_filters();
    Packet::Unsubscribe(Unsubscribe { packet_id, properties: Default::default(), filters })
        .encode(version, out);
    Ok(())
}

fn disconnect(words: &[String], version: Version, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut properties = PropertyBuf::new();
    let mut code = Reason::Success;
    for word in words {
        match pair(word) {
            ("expiry", s) => drop(properties.push(Property::SessionExpiry(number(s)?))),
            _ => code = reason(word)?,
        }
    }
    Packet::Disconnect(Disconnect { reason: code, properties: properties.as_properties() })
        .encode(version, out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::scene::text::describe;

    /// What a client sends reads back as it was written.
    #[test]
    fn words_and_packets_go_both_ways() {
        for line in [
            "CONNECT v5 clean keepalive=10s expiry=60s receive=3 packet=100 aliases=2",
            "CONNECT v5 will=t will-payload=\"gone\" will-qos=1 will-retain will-delay=5s will-expiry=7s",
            "CONNECT v311 clean",
            "PUBLISH a/b \"hello world\" qos=1 id=5 dup retain alias=1 expiry=10s",
            "PUBLISH a \"\" retain",
            "PUBACK id=5 0x10",
            "PUBREL id=7",
            "SUBSCRIBE id=1 sub=7 a/b:1 c/#:2:nl:rap:new d:0:never",
            "UNSUBSCRIBE id=2 a/b $share/g/#",
            "PINGREQ",
            "DISCONNECT 0x04 expiry=5s",
            "DISCONNECT",
        ] {
            let words = split(line);
            let version = version_of(&words).unwrap_or(Version::V5);
            let bytes = encode("A", &words, version).unwrap();
            let (header, bytes) = crate::simulator::frames::cut(&bytes)[0];
            let packet = Packet::decode(&header, &bytes[header.header_len..], version).unwrap();
            assert_eq!(describe(&packet), line);
        }
    }

    #[test]
    fn unknown_words_are_faults() {
        for line in
            ["CONNACK", "PUBLISH a", "PUBLISH a b qos=3", "PUBACK", "CONNECT v5 quickly", "SUBSCRIBE a"]
        {
            assert!(encode("A", &split(line), Version::V5).is_err(), "{line}");
        }
    }
}
