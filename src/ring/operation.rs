//! What an entry of the ring was for, as the 64 bits that travel with it.
//!
//! Owns that encoding. Must never know the ring.

use crate::listener::ListenerId;
use crate::socket::SocketId;

/// The purpose of one entry. Those of a socket carry its generation, so that a late completion cannot reach a successor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    /// Accept on a listener, continuously.
    Accept(ListenerId),
    /// Receive on a socket.
    Receive(SocketId),
    /// Send what the kernel can take at once; reported only if that is not all.
    Send(SocketId),
    /// Send for as long as it takes.
    SendSlowly(SocketId),
    /// Watch a connection attempt.
    Connect(SocketId),
    /// The one time-out.
    Alarm,
    /// Another thread rang.
    Bell,
    /// Write to a file.
    Write(u32),
    /// Have a file's bytes reach the disk.
    Sync(u32),
    /// Put a socket into the ring's table; reported only if that failed.
    Enlist(SocketId),
    /// Make a descriptor for a socket in the ring's table.
    Recall(SocketId),
    /// Nobody cares about the outcome.
    Ignored,
}

const KIND_SHIFT: u32 = 24;
const INDEX_MASK: u64 = (1 << KIND_SHIFT) - 1;

impl Operation {
    /// Generation in the upper half; kind and slot, 8 and 24 bits, in the lower.
    pub(crate) fn encode(self) -> u64 {
        let (kind, subject) = match self {
            Operation::Accept(ListenerId(listener)) => (0, u64::from(listener)),
            Operation::Receive(id) => (1, id.as_u64()),
            Operation::Send(id) => (2, id.as_u64()),
            Operation::SendSlowly(id) => (3, id.as_u64()),
            Operation::Connect(id) => (4, id.as_u64()),
            Operation::Alarm => (5, 0),
            Operation::Bell => (6, 0),
            Operation::Write(number) => (7, u64::from(number) & INDEX_MASK),
            Operation::Sync(number) => (8, u64::from(number) & INDEX_MASK),
            Operation::Enlist(id) => (9, id.as_u64()),
            Operation::Recall(id) => (10, id.as_u64()),
            Operation::Ignored => (11, 0),
        };
        kind << KIND_SHIFT | subject
    }

    pub(crate) fn decode(bits: u64) -> Operation {
        let kind = bits as u32 >> KIND_SHIFT;
        let id = SocketId::from_u64(bits & !(0xff << KIND_SHIFT));
        match kind {
            0 => Operation::Accept(ListenerId((bits & INDEX_MASK) as u32)),
            1 => Operation::Receive(id),
            2 => Operation::Send(id),
            3 => Operation::SendSlowly(id),
            4 => Operation::Connect(id),
            5 => Operation::Alarm,
            6 => Operation::Bell,
            7 => Operation::Write((bits & INDEX_MASK) as u32),
            8 => Operation::Sync((bits & INDEX_MASK) as u32),
            9 => Operation::Enlist(id),
            10 => Operation::Recall(id),
            _ => Operation::Ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_survives_its_encoding() {
        for bits in [0, 7, u64::from(u32::MAX) << 32 | INDEX_MASK] {
            let id = SocketId::from_u64(bits);
            let listener = ListenerId((bits & INDEX_MASK) as u32);
            for operation in [
                Operation::Accept(listener),
                Operation::Receive(id),
                Operation::Send(id),
                Operation::SendSlowly(id),
                Operation::Connect(id),
                Operation::Alarm,
                Operation::Bell,
                Operation::Write(listener.0),
                Operation::Sync(listener.0),
                Operation::Enlist(id),
                Operation::Recall(id),
                Operation::Ignored,
            ] {
                assert_eq!(Operation::decode(operation.encode()), operation);
            }
        }
    }
}
