//! A broker of a few lines for MQTT 3.1.1 and QoS 0 and 1, which misbehaves as told.
//!
//! Owns a listener and a thread per connection; all end with their connections. Every subscriber receives everything.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use ringmq_protocol::{
    Ack, Connack, Connect, Header, Packet, PacketId, PacketType, Properties, Publish, Qos, Reason, Suback,
    Version, encode_ack,
};

const VERSION: Version = Version::V311;

/// What a fake broker does wrong. Messages are numbered from 0 in the order of their arrival.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mischief {
    Nothing,
    /// Does not deliver a message.
    Lose(u32),
    /// Delivers a message twice.
    Double(u32),
    /// Delivers a message after the next one.
    Swap(u32),
    /// Closes the connection of the publisher at a message.
    HangUp(u32),
    /// Answers CONNECT with an error.
    Refuse,
    /// Answers CONNECT with bytes that are no packet.
    Babble,
    /// Answers nothing.
    Ignore,
}

/// What the connections share.
struct Fake {
    mischief: Mischief,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Clients whose sessions are kept.
    sessions: HashSet<String>,
    subscribers: Vec<TcpStream>,
    messages: u32,
    /// A message that waits for the next one.
    kept: Option<Vec<u8>>,
}

/// A broker that takes so many connections.
pub(super) fn start(connections: u32, mischief: Mischief) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let fake = Arc::new(Fake { mischief, state: Mutex::default() });
    thread::spawn(move || {
        for _ in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            let fake = Arc::clone(&fake);
            thread::spawn(move || fake.serve(stream));
        }
    });
    address
}

impl Fake {
    /// Serves one connection until it ends.
    fn serve(&self, mut stream: TcpStream) {
        let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stream.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
            while let Some(header) = Header::read(&bytes).unwrap()
                && header.total_len() <= bytes.len()
            {
                let packet: Vec<u8> = bytes.drain(..header.total_len()).collect();
                let body = &packet[header.header_len..];
                if self.take(Packet::decode(&header, body, VERSION).unwrap(), &mut stream).is_none() {
                    return;
                }
            }
        }
    }

    /// Answers one packet; `None` to hang up.
    fn take(&self, packet: Packet<'_>, stream: &mut TcpStream) -> Option<()> {
        let answer = match packet {
            Packet::Connect(connect) => self.greet(&connect),
            Packet::Subscribe(subscribe) => {
                self.state.lock().unwrap().subscribers.push(stream.try_clone().unwrap());
                let (packet_id, properties) = (subscribe.packet_id, Properties::EMPTY);
                encode(&Packet::Suback(Suback { packet_id, properties, codes: &[1] }))
            }
            Packet::Publish(publish) => self.pass_on(&publish)?,
            Packet::Pingreq => encode(&Packet::Pingresp),
            Packet::Puback(Ack { .. }) => Vec::new(),
            _ => return None,
        };
        stream.write_all(&answer).ok()
    }

    fn greet(&self, connect: &Connect<'_>) -> Vec<u8> {
        let reason = match self.mischief {
            Mischief::Refuse => Reason::NotAuthorized,
            Mischief::Babble => return vec![0; 4],
            Mischief::Ignore => return Vec::new(),
            _ => Reason::Success,
        };
        let is_kept = !connect.clean_start;
        let session_present =
            is_kept && !self.state.lock().unwrap().sessions.insert(connect.client_id.to_owned());
        encode(&Packet::Connack(Connack { session_present, reason, properties: Properties::EMPTY }))
    }

    /// Delivers a message, more or less, and returns the answer to its publisher.
    fn pass_on(&self, publish: &Publish<'_>) -> Option<Vec<u8>> {
        let state = &mut *self.state.lock().unwrap();
        let number = state.messages;
        state.messages += 1;
        let copy = encode(&copy_of(publish, number));
        let times = match self.mischief {
            Mischief::HangUp(at) if number == at => return None,
            Mischief::Lose(at) if number == at => 0,
            Mischief::Double(at) if number == at => 2,
            Mischief::Swap(at) if number == at => {
                state.kept = Some(copy.clone());
                0
            }
            _ => 1,
        };
        let late = if times > 0 { state.kept.take() } else { None };
        for bytes in std::iter::repeat_n(&copy, times).chain(&late) {
            // A subscriber may have left.
            state.subscribers.iter_mut().for_each(|subscriber| drop(subscriber.write_all(bytes)));
        }
        let mut answer = Vec::new();
        if let Some(id) = publish.packet_id {
            encode_ack(PacketType::Puback, VERSION, id, Reason::Success, &mut answer);
        }
        Some(answer)
    }
}

fn copy_of<'a>(publish: &Publish<'a>, number: u32) -> Packet<'a> {
    let id = PacketId::new((number % 0xFFFF) as u16 + 1);
    Packet::Publish(Publish { packet_id: id.filter(|_| publish.qos > Qos::AtMostOnce), ..*publish })
}

fn encode(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    packet.encode(VERSION, &mut bytes);
    bytes
}
