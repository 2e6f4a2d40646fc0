//! What is to be sent at the end of a turn: one arena of bytes for all clients.
//!
//! Owns those bytes for the length of a turn, so that no client needs a buffer of its own. Must never know what they mean.

/// Bytes of one client in the arena.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Run {
    client: u32,
    end: usize,
}

/// The arena.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

impl Outbox {
    /// Where to append bytes; [`Outbox::commit`] says whose they were.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Assigns what was appended since the last commit to a client.
    pub(crate) fn commit(&mut self, client: u32) {
        if self.bytes.len() > self.start_of_open() {
            self.touch(client);
        }
    }

    /// As [`Outbox::commit`], also if there is nothing: what carries the bytes may have some of its own.
    pub(crate) fn touch(&mut self, client: u32) {
        let end = self.bytes.len();
        match self.runs.last_mut() {
            Some(last) if last.client == client => last.end = end,
            _ => self.runs.push(Run { client, end }),
        }
    }

    fn start_of_open(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }

    /// Empties the arena: each client with its bytes, in the order of writing. A client may come several times.
    pub(crate) fn drain(&mut self, mut take: impl FnMut(u32, &[u8])) {
        let mut start = 0;
        for run in self.runs.drain(..) {
            take(run.client, &self.bytes[start..run.end]);
            start = run.end;
        }
        self.bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_by_client_in_their_order() {
        let mut outbox = Outbox::default();
        for (client, bytes) in [(1, &b"ab"[..]), (1, b"c"), (2, b""), (3, b"d"), (1, b"e")] {
            outbox.buffer().extend_from_slice(bytes);
            outbox.commit(client);
        }
        outbox.touch(4);
        let mut seen = Vec::new();
        outbox.drain(|client, bytes| seen.push((client, bytes.to_vec())));
        assert_eq!(seen, [(1, b"abc".to_vec()), (3, b"d".to_vec()), (1, b"e".to_vec()), (4, vec![])]);
        outbox.drain(|_, _| panic!("it is empty"));
    }
}
