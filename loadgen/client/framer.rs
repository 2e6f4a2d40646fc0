//! Cuts a byte stream into packets.
//!
//! Owns the bytes of a packet that has not arrived whole; between packets it owns no heap memory. Must never look into a body.

use ringmq_protocol::Header;

use crate::fault::Fault;

/// The packets of one stream.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    partial: Vec<u8>,
}

impl Framer {
    /// Takes bytes in any chunks and gives each packet that is whole to `take`.
    ///
    /// # Errors
    /// Bytes that are no packet, a packet above `packet_bytes_max`, and what `take` says.
    pub(crate) fn feed(
        &mut self,
        bytes: &[u8],
        packet_bytes_max: usize,
        mut take: impl FnMut(&Header, &[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if self.partial.is_empty() {
            let taken = cut(bytes, packet_bytes_max, &mut take)?;
            self.partial.extend_from_slice(&bytes[taken..]);
            return Ok(());
        }
        self.partial.extend_from_slice(bytes);
        let taken = cut(&self.partial, packet_bytes_max, &mut take)?;
        if taken == self.partial.len() {
            self.partial = Vec::new();
        } else {
            self.partial.drain(..taken);
        }
        Ok(())
    }
}

/// Gives the whole packets at the front to `take`. Returns how many bytes they were.
fn cut(
    bytes: &[u8],
    packet_bytes_max: usize,
    take: &mut impl FnMut(&Header, &[u8]) -> Result<(), Fault>,
) -> Result<usize, Fault> {
    let mut taken = 0;
    while let Some(header) = Header::read(&bytes[taken..])? {
        if header.total_len() > packet_bytes_max {
            return Err(Fault::TooLarge);
        }
        let Some(body) = bytes.get(taken + header.header_len..taken + header.total_len()) else { break };
        take(&header, body)?;
        taken += header.total_len();
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = &[0xD0, 0, 0x40, 2, 0, 1, 0x30, 5, 0, 1, b'a', 7, 8, 0xD0, 0];

    fn bodies(chunk_bytes: usize) -> Vec<Vec<u8>> {
        let mut framer = Framer::default();
        let mut bodies = Vec::new();
        for chunk in STREAM.chunks(chunk_bytes) {
            let take = |_: &Header, body: &[u8]| {
                bodies.push(body.to_vec());
                Ok(())
            };
            framer.feed(chunk, 100, take).unwrap();
        }
        assert_eq!(framer.partial.capacity(), 0, "between packets there is no buffer");
        bodies
    }

    #[test]
    fn the_chunks_do_not_matter() {
        let whole = bodies(STREAM.len());
        assert_eq!(whole, [&[][..], &[0, 1], &[0, 1, b'a', 7, 8], &[]]);
        for chunk_bytes in 1..STREAM.len() {
            assert_eq!(bodies(chunk_bytes), whole);
        }
    }

    #[test]
    fn a_packet_that_is_too_large_is_refused_at_its_header() {
        let refused = Framer::default().feed(&[0x30, 0x80, 0x01], 100, |_, _| Ok(()));
        assert!(matches!(refused, Err(Fault::TooLarge)));
        let junk = Framer::default().feed(&[0x00], 100, |_, _| Ok(()));
        assert!(matches!(junk, Err(Fault::Junk(_))));
    }
}
