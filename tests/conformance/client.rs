//! A client that does what the test tells it, and keeps to the standard in what it is not told.
//!
//! Owns one connection: packet identifiers, what was received and not yet looked at, the alias table. Must never look
//! into the broker.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::rc::Rc;

use ringmq_broker::cause::Cause;
use ringmq_tests::simulator::WireId;
use ringmq_tests::simulator::wire::ClientEnd;

use crate::trial::Stage;
use crate::wire::properties::{Properties, TOPIC_ALIAS};
use crate::wire::{
    Ack, Codes, Connack, Connect, Encode, Message, PINGREQ, Packet, Publish, Subscribe, Unsubscribe, Version,
    ack, disconnect, first,
};

/// A client on one connection.
pub(crate) struct Client {
    stage: Rc<RefCell<Stage>>,
    wire: WireId,
    version: Version,
    name: String,
    /// The answer to CONNECT, once there was one.
    pub(crate) connack: Option<Connack>,
    last_id: u16,
    /// Bytes that are no whole packet yet.
    partial: Vec<u8>,
    inbox: VecDeque<Packet>,
    aliases: BTreeMap<u32, String>,
    /// Sizes of the packets received, for limits.
    sizes: Vec<usize>,
}

impl Client {
    pub(crate) fn new(stage: Rc<RefCell<Stage>>, version: Version, name: String) -> Client {
        let wire = stage.borrow_mut().world.connect();
        Client::on_wire(stage, wire, version, name)
    }

    /// A client at the end of a wire that is there.
    pub(crate) fn on_wire(stage: Rc<RefCell<Stage>>, wire: WireId, version: Version, name: String) -> Client {
        Client {
            stage,
            wire,
            version,
            name,
            connack: None,
            last_id: 0,
            partial: Vec::new(),
            inbox: VecDeque::new(),
            aliases: BTreeMap::new(),
            sizes: Vec::new(),
        }
    }

    /// Sends a packet, or any bytes, and lets everything come to rest.
    #[expect(clippy::needless_pass_by_value, reason = "what is sent is done with")]
    pub(crate) fn send(&mut self, what: impl Encode) -> &mut Client {
        let bytes = what.encode(self.version);
        let mut stage = self.stage.borrow_mut();
        let line = format!("{}> {}", self.name, hex(&bytes));
        stage.transcript.push(line);
        stage.world.send(self.wire, &bytes);
        stage.world.settle();
        drop(stage);
        self
    }

    /// Takes what arrived as it is, unread.
    pub(crate) fn take_bytes(&mut self) -> Vec<u8> {
        self.stage.borrow_mut().world.received(self.wire)
    }

    /// Takes what arrived, packet by packet.
    fn pull(&mut self) {
        let bytes = self.take_bytes();
        self.partial.extend(bytes);
        while let Some((packet, size)) = Packet::read(&self.partial, self.version) {
            self.partial.drain(..size);
            self.stage.borrow_mut().transcript.push(format!("{}< {packet:?}", self.name));
            self.sizes.push(size);
            let packet = self.resolved(packet);
            self.inbox.push_back(packet);
        }
    }

    /// Gives a message with an alias its topic.
    fn resolved(&mut self, packet: Packet) -> Packet {
        let Packet::Publish(mut message) = packet else { return packet };
        if let Some(alias) = message.properties.number(TOPIC_ALIAS) {
            if message.topic.is_empty() {
                message.topic = self.aliases.get(&alias).expect("the server set this alias before").clone();
            } else {
                self.aliases.insert(alias, message.topic.clone());
            }
        }
        Packet::Publish(message)
    }

    /// The next packet, if there is one.
    pub(crate) fn poll(&mut self) -> Option<Packet> {
        self.pull();
        self.inbox.pop_front()
    }

    /// The next packet.
    pub(crate) fn next(&mut self) -> Packet {
        self.poll().unwrap_or_else(|| panic!("{} receives nothing", self.name))
    }

    /// The first packet of a kind, whatever else waits.
    fn find<T>(&mut self, what: &str, wanted: impl Fn(&Packet) -> Option<T>) -> T {
        self.pull();
        let place = self.inbox.iter().position(|packet| wanted(packet).is_some());
        let place = place.unwrap_or_else(|| panic!("{} receives no {what} but {:?}", self.name, self.inbox));
        let packet = self.inbox.remove(place).expect("the place was just found");
        wanted(&packet).expect("the packet was just wanted")
    }

    /// Nothing waits to be looked at, and the connection is there.
    pub(crate) fn expect_silence(&mut self) {
        self.pull();
        assert_eq!(self.inbox, [], "{} receives nothing", self.name);
        assert!(self.partial.is_empty(), "{} receives half a packet", self.name);
        assert!(!self.is_closed(), "the connection of {} is closed", self.name);
    }

    /// Whether the server closed the connection.
    pub(crate) fn is_closed(&self) -> bool {
        self.stage.borrow().world.is_closed(self.wire)
    }

    /// The server closed the connection, and nothing was received that was not looked at.
    pub(crate) fn expect_closed(&mut self) {
        self.pull();
        assert_eq!(self.inbox, [], "{} receives nothing more", self.name);
        assert!(self.partial.is_empty(), "{} receives half a packet", self.name);
        assert!(self.is_closed(), "the connection of {} is closed", self.name);
    }

    /// The server ended the connection: DISCONNECT with this code in 5.0, then close; before, close alone.
    pub(crate) fn expect_ended(&mut self, code: u8) {
        if self.version.is_v5() {
            let Packet::Disconnect(packet) = self.next() else { panic!("{} receives DISCONNECT", self.name) };
            assert_eq!(packet.code, code, "the code that {} is given in {packet:x?}", self.name);
        }
        self.expect_closed();
    }

    /// Sends what must not be sent: the connection ends with this code, and the end is counted under `cause`.
    pub(crate) fn offends(&mut self, offence: impl Encode, code: u8, cause: Cause) {
        let before = self.stage.borrow().world.ended_by(cause);
        self.send(offence);
        self.expect_ended(code);
        let after = self.stage.borrow().world.ended_by(cause);
        assert_eq!(after, before + 1, "one more connection ended for {cause:?}");
    }

    /// Sends CONNECT and takes the answer, which accepts.
    pub(crate) fn connect(&mut self, connect: Connect) -> &Connack {
        let connack = self.try_connect(connect);
        assert_eq!(connack.code, 0, "the CONNECT of {} is accepted", self.name);
        self.connack.insert(connack)
    }

    /// Sends CONNECT and takes the answer.
    pub(crate) fn try_connect(&mut self, connect: Connect) -> Connack {
        let name = connect.name();
        if !name.is_empty() {
            self.name = name;
        }
        self.send(connect);
        self.take_connack()
    }

    /// The next packet is CONNACK.
    pub(crate) fn take_connack(&mut self) -> Connack {
        match self.next() {
            Packet::Connack(connack) => connack,
            packet => panic!("{} receives {packet:?} in place of CONNACK [MQTT-3.2.0-1]", self.name),
        }
    }

    /// Whether the server had kept the session.
    pub(crate) fn session_present(&self) -> bool {
        self.connack.as_ref().expect("connected").session_present
    }

    /// The properties of CONNACK.
    pub(crate) fn announced(&self) -> &Properties {
        &self.connack.as_ref().expect("connected").properties
    }

    /// A packet identifier of its own.
    pub(crate) fn new_id(&mut self) -> u16 {
        self.last_id += 1;
        self.last_id
    }

    /// Subscribes to one filter; tells the code.
    pub(crate) fn subscribe(&mut self, filter: &str, options: u8) -> u8 {
        let suback = self.request(Subscribe::to(filter, options));
        assert_eq!(suback.codes.len(), 1);
        suback.codes[0]
    }

    /// Sends SUBSCRIBE and takes SUBACK.
    pub(crate) fn request(&mut self, mut subscribe: Subscribe) -> Codes {
        if subscribe.id == 0 {
            subscribe.id = self.new_id();
        }
        let id = subscribe.id;
        self.send_subscribe(&subscribe);
        self.find("SUBACK", |packet| match packet {
            Packet::Suback(codes) if codes.id == id => Some(codes.clone()),
            _ => None,
        })
    }

    /// Before 5.0 the options byte is the QoS alone.
    fn send_subscribe(&mut self, subscribe: &Subscribe) {
        let bytes = subscribe.encode(self.version);
        self.send(bytes);
    }

    /// Unsubscribes from one filter.
    pub(crate) fn unsubscribe(&mut self, filter: &str) -> Codes {
        self.withdraw(Unsubscribe::from(&[filter]))
    }

    /// Sends UNSUBSCRIBE and takes UNSUBACK.
    pub(crate) fn withdraw(&mut self, mut unsubscribe: Unsubscribe) -> Codes {
        if unsubscribe.id == 0 {
            unsubscribe.id = self.new_id();
        }
        let id = unsubscribe.id;
        self.send(unsubscribe.encode(self.version));
        self.find("UNSUBACK", |packet| match packet {
            Packet::Unsuback(codes) if codes.id == id => Some(codes.clone()),
            _ => None,
        })
    }

    /// Publishes and sees the exchange through; tells the code of the first answer, 0 at QoS 0.
    pub(crate) fn publish(&mut self, publish: Publish) -> u8 {
        self.publish_for_ack(publish).map_or(0, |ack| ack.code)
    }

    /// Publishes and sees the exchange through; gives the first answer.
    pub(crate) fn publish_for_ack(&mut self, mut publish: Publish) -> Option<Ack> {
        if publish.qos > 0 && publish.id == 0 {
            publish.id = self.new_id();
        }
        let (qos, id) = (publish.qos, publish.id);
        self.send(publish.encode(self.version));
        match qos {
            0 => None,
            1 => Some(self.take_ack(first::PUBACK, id)),
            _ => {
                let received = self.take_ack(first::PUBREC, id);
                if received.code < 0x80 {
                    self.send(ack(first::PUBREL, id));
                    assert_eq!(self.take_ack(first::PUBCOMP, id).code, 0);
                }
                Some(received)
            }
        }
    }

    /// Takes an acknowledgement, whatever else waits.
    pub(crate) fn take_ack(&mut self, kind: u8, id: u16) -> Ack {
        let what = format!("{} {id}", crate::wire::incoming::ack_name(kind));
        self.find(&what, |packet| match packet {
            Packet::Ack(ack) if ack.first == kind && ack.id == id => Some(ack.clone()),
            _ => None,
        })
    }

    /// The next packet is PUBLISH; it is not acknowledged.
    pub(crate) fn take(&mut self) -> Message {
        match self.next() {
            Packet::Publish(message) => message,
            packet => panic!("{} receives {packet:?} in place of PUBLISH", self.name),
        }
    }

    /// The next packet is this message; it is acknowledged in full.
    pub(crate) fn receives(&mut self, topic: &str, payload: &str) -> Message {
        let message = self.take();
        assert_eq!((message.topic.as_str(), message.text()), (topic, payload), "what {} receives", self.name);
        self.acknowledge(&message);
        message
    }

    /// Acknowledges in full.
    pub(crate) fn acknowledge(&mut self, message: &Message) {
        match message.qos {
            0 => {}
            1 => {
                self.send(ack(first::PUBACK, message.id));
            }
            _ => {
                self.send(ack(first::PUBREC, message.id));
                assert_eq!(self.take_ack(first::PUBREL, message.id).code, 0);
                self.send(ack(first::PUBCOMP, message.id));
            }
        }
    }

    /// All messages that wait, as text, each acknowledged in full.
    pub(crate) fn take_texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(packet) = self.poll() {
            let Packet::Publish(message) = packet else { panic!("{} receives {packet:?}", self.name) };
            self.acknowledge(&message);
            texts.push(message.text().to_string());
        }
        texts
    }

    /// PINGREQ is answered: the connection is alive.
    pub(crate) fn expect_alive(&mut self) {
        self.send(PINGREQ);
        self.find("PINGRESP", |packet| (*packet == Packet::Pingresp).then_some(()));
    }

    /// The largest packet received so far, in bytes.
    pub(crate) fn largest_packet(&mut self) -> usize {
        self.pull();
        self.sizes.iter().copied().max().unwrap_or(0)
    }

    /// Ends the connection in order.
    pub(crate) fn disconnect(mut self) {
        self.send(disconnect());
        self.expect_closed();
    }

    /// Closes the connection without a word.
    pub(crate) fn vanish(self) {
        self.end(ClientEnd::Finished);
    }

    /// The connection is over on the client's side.
    pub(crate) fn end(self, how: ClientEnd) {
        let mut stage = self.stage.borrow_mut();
        stage.transcript.push(format!("{}: {how:?}", self.name));
        stage.world.end(self.wire, how);
        stage.world.settle();
    }

    /// The broker ends the connection of its own accord.
    pub(crate) fn ended_by_server(&mut self, cause: Cause) {
        let mut stage = self.stage.borrow_mut();
        stage.world.disconnect(self.wire, cause);
        stage.world.settle();
    }
}

/// The beginning of some bytes, for the transcript.
fn hex(bytes: &[u8]) -> String {
    const SHOWN_MAX: usize = 80;
    let mut text = String::new();
    for byte in bytes.iter().take(SHOWN_MAX) {
        write!(text, "{byte:02x} ").expect("text takes text");
    }
    if bytes.len() > SHOWN_MAX {
        write!(text, "... {} bytes", bytes.len()).expect("text takes text");
    }
    text
}
