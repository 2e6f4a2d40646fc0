//! Well-behaved clients on the broker that is being abused: nothing may change for them.

use ringmq_protocol::{PacketId, Qos};

use crate::broker::Broker;
use crate::client::{Client, Received};

/// A publisher and a subscriber that talk at QoS 1.
pub(crate) struct Neighbours {
    publisher: Client,
    subscriber: Client,
    said: u32,
}

impl Neighbours {
    pub(crate) fn move_in(broker: &Broker) -> Neighbours {
        let publisher = Client::connect(broker, "neighbour-publisher");
        let mut subscriber = Client::connect(broker, "neighbour-subscriber");
        subscriber.subscribe("neighbours/talk", Qos::AtLeastOnce);
        let mut neighbours = Neighbours { publisher, subscriber, said: 0 };
        neighbours.talk();
        neighbours
    }

    /// Says some things and hears them, each once and in order.
    pub(crate) fn talk(&mut self) {
        for _ in 0..5 {
            let payload = self.said.to_be_bytes();
            self.said += 1;
            self.publisher.publish_acknowledged("neighbours/talk", &payload);
            let packet_id = self.hear(&payload);
            self.subscriber.acknowledge(packet_id);
        }
    }

    fn hear(&mut self, expected: &[u8]) -> PacketId {
        match self.subscriber.next() {
            Received::Publish { payload, packet_id: Some(packet_id), .. } if payload == expected => packet_id,
            other => panic!("{other:?} in place of {expected:?}"),
        }
    }
}
