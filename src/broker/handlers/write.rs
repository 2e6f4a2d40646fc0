//! Bytes into the send queue of a connection.
//!
//! Owns that whoever is written to gets into the tray, and what must be on its way before. Must never know why something
//! is written.

use ringmq_protocol::{PacketId, PacketType, Reason, Version, encode_ack};

use crate::clients::Clients;
use crate::connection::{Connection, Stage};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::slab::SlotId;
use crate::trays::Trays;

impl Clients {
    /// Writes to a connection through `encode` and notes that it has bytes to send.
    pub(crate) fn write(&mut self, id: SlotId, encode: impl FnOnce(&mut Vec<u8>, Version)) {
        self.write_behind(id, Behind::Nothing, encode);
    }

    #[inline(always)]
    fn write_behind(&mut self, id: SlotId, behind: Behind, encode: impl FnOnce(&mut Vec<u8>, Version)) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        connection.flow.behind_letters |= behind == Behind::Letters && self.trays.letters_waiting() > 0;
        Clients::provide_buffer(&mut self.spares, &mut connection.outbox);
        encode(connection.outbox.bytes(), connection.agreed.version);
        if note_bytes(connection, id, &mut self.trays, &self.limits) == Waiting::TooMuch {
            self.overflow(id);
        }
    }

    /// Writes the acknowledgement of a publish. It must not leave before the letters that carry what it acknowledges.
    pub(crate) fn acknowledge(&mut self, id: SlotId, kind: PacketType, packet_id: PacketId, reason: Reason) {
        self.write_behind(id, Behind::Letters, |out, version| {
            encode_ack(kind, version, packet_id, reason, out);
        });
    }

    /// Writes an acknowledgement without properties.
    pub(crate) fn write_ack(&mut self, id: SlotId, kind: PacketType, packet_id: PacketId, reason: Reason) {
        self.write(id, |out, version| encode_ack(kind, version, packet_id, reason, out));
    }

    /// An empty buffer for `outbox` if it has none.
    pub(crate) fn provide_buffer(spares: &mut Vec<Vec<u8>>, outbox: &mut Outbox) {
        if outbox.needs_buffer() {
            outbox.reuse(spares.pop().unwrap_or_default());
        }
    }
}

/// What must be on its way before bytes may leave.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Nothing,
    /// The letters written so far.
    Letters,
}

/// How much waits to be sent on a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Waiting {
    WithinBounds,
    /// More than `send_queue_bytes_max`.
    TooMuch,
}

/// Puts a connection that was written to into the tray.
pub(crate) fn note_bytes(
    connection: &mut Connection,
    id: SlotId,
    trays: &mut Trays,
    limits: &Limits,
) -> Waiting {
    if !connection.flow.in_tray && !connection.flow.stalled {
        connection.flow.in_tray = true;
        trays.sends.push(id);
    }
    let is_over = connection.outbox.len_bytes() > limits.send_queue_bytes_max;
    if is_over && connection.stage == Stage::Connected { Waiting::TooMuch } else { Waiting::WithinBounds }
}
