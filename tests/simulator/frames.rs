//! A byte stream cut into packets.
//!
//! Owns the bytes of a packet that is not whole yet. Must never know what a packet means.

use ringmq_protocol::Header;

/// Bytes that came in, to be taken out packet by packet.
#[derive(Clone, Debug, Default)]
pub struct Frames {
    bytes: Vec<u8>,
    taken: usize,
}

impl Frames {
    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole packet with its fixed header; `None` if there is none yet.
    ///
    /// # Errors
    /// What is wrong with a fixed header that is none.
    pub fn take(&mut self) -> Result<Option<(Header, Vec<u8>)>, String> {
        let rest = &self.bytes[self.taken..];
        let Some(header) = Header::read(rest).map_err(|error| error.to_string())? else { return Ok(None) };
        let Some(packet) = rest.get(..header.total_len()) else { return Ok(None) };
        self.taken += header.total_len();
        Ok(Some((header, packet.to_vec())))
    }

    /// Bytes that wait for the rest of their packet.
    pub fn rest_len(&self) -> usize {
        self.bytes.len() - self.taken
    }
}

/// Cuts bytes that hold whole packets only.
///
/// # Panics
/// If they do not: a broker gives out whole packets.
pub fn cut(bytes: &[u8]) -> Vec<(Header, &[u8])> {
    let mut rest = bytes;
    let mut packets = Vec::new();
    while !rest.is_empty() {
        let header = Header::read(rest).ok().flatten().expect("a whole fixed header");
        let (packet, behind) = rest.split_at(header.total_len());
        packets.push((header, packet));
        rest = behind;
    }
    packets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_whatever_the_chunking() {
        let bytes = [0xC0, 0, 0x40, 2, 0, 1, 0xD0, 0];
        for chunk in 1..bytes.len() {
            let mut frames = Frames::default();
            let mut packets = Vec::new();
            for piece in bytes.chunks(chunk) {
                frames.push(piece);
                while let Some((_, packet)) = frames.take().expect("good headers") {
                    packets.push(packet);
                }
            }
            assert_eq!(packets, [&bytes[..2], &bytes[2..6], &bytes[6..]], "{chunk}");
            assert_eq!(frames.rest_len(), 0);
        }
    }
}
