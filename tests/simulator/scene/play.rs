//! A scene played: clients send, the world settles, and what they are sent must be what the scene says.
//!
//! | line | means |
//! | --- | --- |
//! | `# text` | nothing |
//! | `shards 3` | how many shards; the first line, if it is there |
//! | `set key value` | a limit or policy of the broker, before anything is sent |
//! | `A> PUBLISH a "x" qos=1 id=1` | the client sends; `CONNECT` opens a new wire, `id=` is another client identifier, `home=2` makes one that is at home there |
//! | `A< PUBACK id=1` | the next packet that the client was sent; words that are left out may be anything |
//! | `A< nothing`, `A< closed` | it was sent nothing more; its wire was closed |
//! | `A! cut`, `A! reset`, `A! vanish`, `A! stick`, `A! unstick` | its wire ends, or it stops or goes on reading |
//! | `+30s`, `+500ms` | time goes by |
//! | `hold`, `release` | letters between shards stay in their mailboxes, or move again |
//!
//! Owns the interpreter. At the end nothing that a client was sent may be left unexpected.

use std::collections::{BTreeMap, VecDeque};

use ringmq_broker::policy::{BacklogFull, Overlapping};
use ringmq_protocol::{Packet, Version};

use super::text::describe;
use super::words::{Fault, encode, split, version_of};
use crate::simulator::frames::Frames;
use crate::simulator::setup::WorldSetup;
use crate::simulator::wire::{ClientEnd, WireId};
use crate::simulator::world::World;

#[derive(Debug)]
struct Side {
    client: String,
    wire: WireId,
    version: Version,
    frames: Frames,
    packets: VecDeque<String>,
}

struct Stage {
    setup: WorldSetup,
    world: Option<World>,
    sides: BTreeMap<String, Side>,
    /// All sides ever, for what is left at the end.
    connects: u16,
}

/// Plays a scene.
///
/// # Errors
/// The number of the line that is not as the broker has it, and what the broker did.
pub fn play(scene: &str) -> Result<(), Fault> {
    let mut stage = Stage { setup: WorldSetup::new(1), world: None, sides: BTreeMap::new(), connects: 0 };
    for (number, line) in scene.lines().enumerate() {
        let line = line.split('#').next().filter(|_| line.starts_with('#')).unwrap_or(line).trim();
        if !line.is_empty() {
            stage.line(line).map_err(|fault| format!("line {}: {line}: {fault}", number + 1))?;
        }
    }
    stage.check_all_expected()
}

impl Stage {
    fn line(&mut self, line: &str) -> Result<(), Fault> {
        if let Some(time) = line.strip_prefix('+') {
            self.world().advance_ms(milliseconds(time)?);
            return Ok(());
        }
        let words = split(line);
        let name = words[0].trim_end_matches(['>', '<', '!']);
        match (words[0].chars().last(), &words[1..]) {
            (Some('>'), packet) => self.send(name, packet),
            (Some('<'), expected) => self.expect(name, expected),
            (Some('!'), [what]) => self.disturb(name, what),
            _ => self.direct(&words),
        }
    }

    fn direct(&mut self, words: &[String]) -> Result<(), Fault> {
        match words {
            [word, count] if word == "shards" => {
                self.setup.shard_count = count.parse().map_err(|_| "how many?")?;
                Ok(())
            }
            [word, key, value] if word == "set" => self.set(key, value),
            [word] if word == "hold" => {
                self.world().hold_letters();
                Ok(())
            }
            [word] if word == "release" => {
                self.world().release_letters();
                self.world().settle();
                Ok(())
            }
            _ => Err("no such line".into()),
        }
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Fault> {
        if self.world.is_some() {
            return Err("the broker runs already".into());
        }
        let number: usize = value.parse().unwrap_or(0);
        let small = u16::try_from(number).unwrap_or(u16::MAX);
        let listener = &mut self.setup.listeners[0];
        match key {
            "inflight_max" => listener.inflight_max = small,
            "receive_max" => listener.receive_max = small,
            "topic_alias_max" => listener.topic_alias_max = small,
            "session_expiry_max_s" => listener.session_expiry_max_s = u32::from(small),
            "mailbox_max" => self.setup.mailbox_max = number,
            "mailbox_bytes_max" => {
                self.setup.mailbox_bytes_max = number;
                self.setup.limits.letter_bytes_waiting_max = number;
            }
            "message_bytes_max" => self.setup.limits.message_bytes_max = number,
            "backlog_count_max" => self.setup.limits.backlog_count_max = number,
            "send_queue_bytes_max" => self.setup.limits.send_queue_bytes_max = number,
            "backlog_full" if value == "drop_oldest" => listener.backlog_full = BacklogFull::DropOldest,
            "backlog_full" if value == "refuse" => listener.backlog_full = BacklogFull::Refuse,
            "overlapping" if value == "each" => self.setup.broker.overlapping = Overlapping::Each,
            _ => return Err("no such setting".into()),
        }
        Ok(())
    }

    fn world(&mut self) -> &mut World {
        self.world.get_or_insert_with(|| World::calm(self.setup.clone()))
    }

    fn send(&mut self, name: &str, packet: &[String]) -> Result<(), Fault> {
        if packet.first().is_some_and(|word| word == "CONNECT") {
            let version = version_of(packet)?;
            let shard = self.connects % self.setup.shard_count;
            self.connects += 1;
            let wire = self.world().connect_at(shard);
            let client = self.client_id(name, packet)?;
            let side = Side { client, wire, version, frames: Frames::default(), packets: VecDeque::new() };
            if let Some(old) = self.sides.insert(name.to_owned(), side) {
                check_expected(name, &old)?;
            }
        }
        let side = self.sides.get(name).ok_or("it has not connected")?;
        let is_connect = packet.first().is_some_and(|word| word == "CONNECT");
        let kept = packet.iter().filter(|word| !(is_connect && is_name(word)));
        let words: Vec<String> = kept.cloned().collect();
        let (wire, bytes) = (side.wire, encode(&side.client, &words, side.version)?);
        self.world().send(wire, &bytes);
        self.world().settle();
        Ok(())
    }

    /// The client identifier of a CONNECT.
    fn client_id(&mut self, name: &str, packet: &[String]) -> Result<String, Fault> {
        let Some(word) = packet.iter().find(|word| is_name(word)) else { return Ok(name.to_owned()) };
        let Some(home) = word.strip_prefix("home=") else { return Ok(word.replacen("id=", "", 1)) };
        let home: u16 = home.parse().map_err(|_| "which shard?")?;
        let world = self.world();
        let mut ids = (0..1000).map(|number| format!("{name}{number}"));
        ids.find(|id| world.home(id) == home).ok_or_else(|| "no such shard".into())
    }

    /// Takes in what has reached every client.
    fn receive(&mut self) -> Result<(), Fault> {
        let Some(world) = &mut self.world else { return Ok(()) };
        for side in self.sides.values_mut() {
            side.frames.push(&world.received(side.wire));
            while let Some((header, bytes)) = side.frames.take()? {
                let packet = Packet::decode(&header, &bytes[header.header_len..], side.version);
                side.packets.push_back(describe(&packet.map_err(|error| error.to_string())?));
            }
        }
        Ok(())
    }

    fn expect(&mut self, name: &str, expected: &[String]) -> Result<(), Fault> {
        self.receive()?;
        let side = self.sides.get_mut(name).ok_or("it has not connected")?;
        let packet = side.packets.pop_front();
        match (expected.join(" ").as_str(), packet) {
            ("nothing", None) => Ok(()),
            ("closed", None) => {
                let wire = side.wire;
                if self.world().is_closed(wire) { Ok(()) } else { Err("the wire is open".into()) }
            }
            (_, None) => Err("it was sent nothing".into()),
            (_, Some(packet)) => {
                let words = split(&packet);
                let is_it = words[0] == expected[0] && expected.iter().all(|word| words.contains(word));
                if is_it { Ok(()) } else { Err(format!("it was sent {packet}")) }
            }
        }
    }

    fn disturb(&mut self, name: &str, what: &str) -> Result<(), Fault> {
        let wire = self.sides.get(name).ok_or("it has not connected")?.wire;
        let world = self.world();
        match what {
            "cut" => world.end(wire, ClientEnd::Finished),
            "reset" => world.end(wire, ClientEnd::Reset),
            "vanish" => world.end(wire, ClientEnd::Vanished),
            "stick" => world.stick(wire),
            "unstick" => world.unstick(wire),
            _ => return Err("no such disturbance".into()),
        }
        world.settle();
        Ok(())
    }

    fn check_all_expected(&mut self) -> Result<(), Fault> {
        self.receive()?;
        self.sides.iter().try_for_each(|(name, side)| check_expected(name, side))
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with("id=") || word.starts_with("home=")
}

fn check_expected(name: &str, side: &Side) -> Result<(), Fault> {
    match side.packets.front() {
        Some(packet) => Err(format!("{name} was also sent {packet}")),
        None => Ok(()),
    }
}

fn milliseconds(text: &str) -> Result<u64, Fault> {
    let (digits, factor) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').ok_or("+ wants ms or s")?, 1000),
    };
    digits.parse::<u64>().map(|number| number * factor).map_err(|_| "+ wants a number".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_tells_where_it_fails() {
        let scene = "# a client\nA> CONNECT v5 clean\nA< CONNACK present\n";
        assert_eq!(play(scene), Err("line 3: A< CONNACK present: it was sent CONNACK new".into()));
        assert!(play("A> CONNECT v5 clean\n").is_err_and(|fault| fault.contains("A was also sent CONNACK")));
        assert!(play("A< CONNACK\n").is_err());
    }
}
