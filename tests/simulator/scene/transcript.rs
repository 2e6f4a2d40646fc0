//! What happened in a run, written as a scene.
//!
//! Owns the lines. Lines follow the order at the broker: `A>` when a shard handles a packet, `A<` when it gives one.

use std::collections::BTreeMap;

use ringmq_protocol::{Packet, Version};

use super::text::describe;
use crate::simulator::facts::{Fact, What};
use crate::simulator::frames::{self, Frames};
use crate::simulator::wire::WireId;

#[derive(Debug, Default)]
struct Side {
    client: String,
    version: Option<Version>,
    frames: Frames,
}

/// A scene being written.
#[derive(Debug, Default)]
pub struct Transcript {
    sides: BTreeMap<WireId, Side>,
    lines: Vec<String>,
    /// Letters that were taken since the last line.
    letters: Vec<String>,
    at_ms: u64,
}

impl Transcript {
    /// Adds what happened.
    pub fn add(&mut self, facts: &[Fact]) {
        for fact in facts {
            if fact.at_ms > self.at_ms {
                self.line(format!("+{}ms", fact.at_ms - self.at_ms));
                self.at_ms = fact.at_ms;
            }
            match &fact.what {
                What::Handled { wire, bytes } => self.handled(*wire, bytes),
                What::Given { wire, bytes, .. } => self.given(*wire, bytes),
                What::Ended { wire, cause } => {
                    let line =
                        format!("# {} wire {} ended: {}", self.client(*wire), wire.0, cause.row().name);
                    self.line(line);
                }
                What::Ticked(_) | What::Posted { .. } => {}
                What::Taken { from, to } => self.letters.push(format!("{from}>{to}")),
            }
        }
    }

    fn line(&mut self, line: String) {
        if !self.letters.is_empty() {
            self.lines.push(format!("# letters {}", std::mem::take(&mut self.letters).join(" ")));
        }
        self.lines.push(line);
    }

    /// The lines.
    pub fn into_lines(self) -> Vec<String> {
        self.lines
    }

    fn client(&self, wire: WireId) -> &str {
        self.sides.get(&wire).map_or("?", |side| &side.client)
    }

    fn handled(&mut self, wire: WireId, bytes: &[u8]) {
        let mut lines = Vec::new();
        let side = self.sides.entry(wire).or_default();
        side.frames.push(bytes);
        while let Ok(Some((header, bytes))) = side.frames.take() {
            let version = side.version.unwrap_or(Version::V5);
            let Ok(packet) = Packet::decode(&header, &bytes[header.header_len..], version) else { continue };
            if let Packet::Connect(connect) = &packet {
                side.client = connect.client_id.to_owned();
                side.version = Some(connect.version);
            }
            lines.push(format!("{}> {}", side.client, describe(&packet)));
        }
        lines.into_iter().for_each(|line| self.line(line));
    }

    fn given(&mut self, wire: WireId, bytes: &[u8]) {
        let Some(side) = self.sides.get(&wire) else { return };
        let mut lines = Vec::new();
        for (header, bytes) in frames::cut(bytes) {
            let version = side.version.unwrap_or(Version::V5);
            let text = match Packet::decode(&header, &bytes[header.header_len..], version) {
                Ok(packet) => describe(&packet),
                Err(error) => format!("{:?} that does not decode: {error}", header.kind),
            };
            lines.push(format!("{}< {text}", side.client));
        }
        lines.into_iter().for_each(|line| self.line(line));
    }
}
