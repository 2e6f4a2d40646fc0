//! The tables of the standard as facts about the wire: which property and which reason code may stand where.
//!
//! Owns the reading of `statements/properties.tsv` and `statements/reason-codes.tsv`. Must never know the product.

use std::sync::LazyLock;

use crate::statements::{PROPERTIES, REASON_CODES, rows};

/// One property of the standard.
#[derive(Debug)]
pub(crate) struct Property {
    pub(crate) id: u8,
    pub(crate) kind: &'static str,
    /// Names of the packets it may stand in; `WILL` for the will.
    pub(crate) packets: Vec<&'static str>,
    pub(crate) may_repeat: &'static str,
}

static TABLE: LazyLock<Vec<Property>> = LazyLock::new(|| {
    let property = |row: Vec<&'static str>| Property {
        id: row[0].parse().expect("id_dec is a number"),
        kind: row[3],
        packets: row[4].split(',').collect(),
        may_repeat: row[5],
    };
    rows(PROPERTIES).map(property).collect()
});

/// Every property, in the order of the identifiers.
pub(crate) fn properties() -> &'static [Property] {
    &TABLE
}

/// The property of an identifier.
pub(crate) fn property(id: u8) -> Option<&'static Property> {
    TABLE.iter().find(|property| property.id == id)
}

/// Whether the server may send `code` in `packet` to a client of 5.0, or of 3.1.1 where `is_v5` does not hold.
pub(crate) fn server_may_send(packet: &str, code: u8, version: &str) -> bool {
    is_listed(packet, code, version, "server")
}

/// Whether a client of 5.0 may send `code` in `packet`.
pub(crate) fn client_may_send(packet: &str, code: u8) -> bool {
    is_listed(packet, code, "5", "client")
}

fn is_listed(packet: &str, code: u8, version: &str, side: &str) -> bool {
    rows(REASON_CODES).any(|row| {
        let [table_version, decimal, _, _, packets, sent_by, ..] = row[..] else {
            panic!("a row is cut short")
        };
        table_version == version
            && decimal.parse() == Ok(code)
            && packets.split(',').any(|name| name == packet)
            && may_send(sent_by, packet, side)
    })
}

/// `both`, one side, or `server (PUBACK, PUBREC: both)`.
fn may_send(sent_by: &str, packet: &str, side: &str) -> bool {
    let (general, exceptions) = sent_by.split_once(" (").unwrap_or((sent_by, ""));
    let is_exception = exceptions.trim_end_matches(": both)").split(", ").any(|name| name == packet);
    is_exception || general == "both" || general == side
}

mod tests {
    use super::*;

    #[test]
    fn every_side_of_a_code_is_read() {
        // 0x87: "server (PUBACK, PUBREC: both)"; 0x04: "client"; 0x93: "both"; 0x92: in PUBREL and PUBCOMP alone.
        assert!(client_may_send("PUBACK", 0x87) && !client_may_send("DISCONNECT", 0x87));
        assert!(client_may_send("DISCONNECT", 0x04) && !server_may_send("DISCONNECT", 0x04, "5"));
        assert!(client_may_send("DISCONNECT", 0x93) && server_may_send("DISCONNECT", 0x93, "5"));
        assert!(server_may_send("PUBREL", 0x92, "5") && !server_may_send("PUBACK", 0x92, "5"));
        assert!(server_may_send("CONNACK", 5, "3.1.1") && !server_may_send("CONNACK", 6, "3.1.1"));
    }

    #[test]
    fn properties_are_read_with_their_places() {
        let alias = property(0x23).expect("Topic Alias");
        assert_eq!(
            (alias.kind, &alias.packets[..], alias.may_repeat),
            ("Two Byte Integer", &["PUBLISH"][..], "no")
        );
        assert!(property(0x04).is_none());
        assert_eq!(properties().len(), 27);
    }
}
