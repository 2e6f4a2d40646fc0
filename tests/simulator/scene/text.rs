//! Packets as words: `PUBLISH a/b "hello" qos=1 id=5`.
//!
//! Owns how each packet reads. Must never lose what a scene may want to expect.

use std::fmt::Write;

use ringmq_protocol::{
    Ack, Connack, Connect, Disconnect, Packet, Publish, Qos, Reason, RetainHandling, Subscribe,
    SubscribeOptions, Version,
};

/// Payloads are cut after so many characters, so that a large one stays on its line.
const PAYLOAD_CHARS_MAX: usize = 40;

/// One packet in words.
pub fn describe(packet: &Packet<'_>) -> String {
    let name = packet.kind().name();
    match packet {
        Packet::Connect(connect) => format!("{name} {}", of_connect(connect)),
        Packet::Connack(connack) => format!("{name} {}", of_connack(connack)),
        Packet::Publish(publish) => format!("{name} {}", of_publish(publish)),
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            format!("{name} {}", of_ack(ack))
        }
        Packet::Subscribe(subscribe) => format!("{name} {}", of_subscribe(subscribe)),
        Packet::Suback(suback) => format!("{name} id={} codes={}", suback.packet_id, list(suback.codes)),
        Packet::Unsubscribe(unsubscribe) => {
            let filters: Vec<&str> = unsubscribe.filters.iter().collect();
            format!("{name} id={} {}", unsubscribe.packet_id, filters.join(" "))
        }
        Packet::Unsuback(unsuback) => {
            format!("{name} id={} codes={}", unsuback.packet_id, list(unsuback.codes))
        }
        Packet::Disconnect(disconnect) => format!("{name}{}", of_disconnect(disconnect)),
        Packet::Pingreq | Packet::Pingresp | Packet::Auth(_) => name.to_owned(),
    }
}

/// How a version is written.
pub fn version_name(version: Version) -> &'static str {
    match version {
        Version::V31 => "v31",
        Version::V311 => "v311",
        Version::V5 => "v5",
    }
}

fn of_connect(connect: &Connect<'_>) -> String {
    let mut words = version_name(connect.version).to_owned();
    if connect.clean_start {
        words.push_str(" clean");
    }
    if connect.keep_alive_s > 0 {
        put(&mut words, "keepalive", format_args!("{}s", connect.keep_alive_s));
    }
    let properties = &connect.properties;
    if let Some(s) = properties.session_expiry_s() {
        put(&mut words, "expiry", format_args!("{s}s"));
    }
    if let Some(count) = properties.receive_maximum() {
        put(&mut words, "receive", format_args!("{count}"));
    }
    if let Some(bytes) = properties.maximum_packet_size() {
        put(&mut words, "packet", format_args!("{bytes}"));
    }
    if let Some(count) = properties.topic_alias_maximum() {
        put(&mut words, "aliases", format_args!("{count}"));
    }
    let Some(will) = &connect.will else { return words };
    put(&mut words, "will", format_args!("{}", will.topic));
    put(&mut words, "will-payload", format_args!("{}", payload(will.payload)));
    put(&mut words, "will-qos", format_args!("{}", will.qos.bits()));
    if will.retain {
        words.push_str(" will-retain");
    }
    if let Some(s) = will.properties.will_delay_s() {
        put(&mut words, "will-delay", format_args!("{s}s"));
    }
    if let Some(s) = will.properties.message_expiry_s() {
        put(&mut words, "will-expiry", format_args!("{s}s"));
    }
    words
}

fn of_connack(connack: &Connack<'_>) -> String {
    match (connack.reason, connack.session_present) {
        (Reason::Success, true) => "present".to_owned(),
        (Reason::Success, false) => "new".to_owned(),
        (reason, _) => reason_words(reason),
    }
}

fn of_publish(publish: &Publish<'_>) -> String {
    let mut words = format!("{} {}", publish.topic, payload(publish.payload));
    if publish.qos > Qos::AtMostOnce {
        put(&mut words, "qos", format_args!("{}", publish.qos.bits()));
    }
    if let Some(id) = publish.packet_id {
        put(&mut words, "id", format_args!("{id}"));
    }
    if publish.dup {
        words.push_str(" dup");
    }
    if publish.retain {
        words.push_str(" retain");
    }
    if let Some(alias) = publish.properties.topic_alias() {
        put(&mut words, "alias", format_args!("{alias}"));
    }
    if let Some(s) = publish.properties.message_expiry_s() {
        put(&mut words, "expiry", format_args!("{s}s"));
    }
    for id in publish.properties.subscription_ids() {
        put(&mut words, "sub", format_args!("{id}"));
    }
    words
}

fn of_ack(ack: &Ack<'_>) -> String {
    let mut words = format!("id={}", ack.packet_id);
    if ack.reason != Reason::Success {
        words.push(' ');
        words.push_str(&reason_words(ack.reason));
    }
    words
}

fn of_subscribe(subscribe: &Subscribe<'_>) -> String {
    let mut words = format!("id={}", subscribe.packet_id);
    if let Some(id) = subscribe.properties.subscription_id() {
        put(&mut words, "sub", format_args!("{id}"));
    }
    for (filter, options) in subscribe.filters.iter() {
        words.push(' ');
        words.push_str(filter);
        words.push_str(&option_words(options));
    }
    words
}

fn option_words(options: SubscribeOptions) -> String {
    let mut words = format!(":{}", options.qos.bits());
    if options.no_local {
        words.push_str(":nl");
    }
    if options.retain_as_published {
        words.push_str(":rap");
    }
    match options.retain_handling {
        RetainHandling::Always => {}
        RetainHandling::IfNew => words.push_str(":new"),
        RetainHandling::Never => words.push_str(":never"),
    }
    words
}

fn of_disconnect(disconnect: &Disconnect<'_>) -> String {
    let mut words = String::new();
    if disconnect.reason != Reason::Success {
        words.push(' ');
        words.push_str(&reason_words(disconnect.reason));
    }
    if let Some(s) = disconnect.properties.session_expiry_s() {
        put(&mut words, "expiry", format_args!("{s}s"));
    }
    words
}

fn reason_words(reason: Reason) -> String {
    format!("{:#04x}", reason.as_byte())
}

fn put(words: &mut String, key: &str, value: std::fmt::Arguments<'_>) {
    write!(words, " {key}={value}").expect("a string takes everything");
}

fn list(codes: &[u8]) -> String {
    let codes: Vec<String> =
        codes.iter().map(|code| if *code < 3 { code.to_string() } else { format!("{code:#04x}") }).collect();
    codes.join(",")
}

fn payload(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let cut: String = text.chars().take(PAYLOAD_CHARS_MAX).collect();
    if cut.len() < text.len() { format!("\"{cut}...\"") } else { format!("\"{cut}\"") }
}
