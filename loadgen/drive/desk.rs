//! Writes the messages of all lanes: topics and payloads from their numbers.
//!
//! Owns the scratch memory for it. What depends on a message depends on its numbers alone, so that it can be written again.
//! Must never know a connection, nor when a message leaves.

use ringmq_protocol::{Property, PropertyBuf, Qos};

use crate::chance;
use crate::client::{Identity, Origin, Publication};
use crate::scenario::Payload;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::workload::{Lane, Workload, reply_topic};

/// What is published at present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Writing {
    /// The messages of the scenario.
    Load,
    /// Empty retained messages, which remove those that were set [MQTT-3.3.1-6].
    Clearing,
}

/// What one lane writes with.
struct Form {
    qos: Qos,
    retain: bool,
    /// The largest payload; a stamp goes over its front.
    payload: Vec<u8>,
    /// Payloads have this many bytes at least. The others have any size up to the largest.
    payload_bytes_min: usize,
    /// The topic of each publisher; empty if it changes with each message.
    topics: Vec<Box<str>>,
}

/// Writes messages.
pub(crate) struct Desk {
    pub(crate) writing: Writing,
    forms: Vec<Form>,
    topic: String,
    properties: PropertyBuf,
    identity: Identity,
    seed: u64,
    run_tag: u8,
    /// Publishers to look at.
    pub(crate) listed: Vec<u32>,
    /// Plain bytes of a TLS record.
    pub(crate) plain: Vec<u8>,
}

impl Desk {
    /// # Errors
    /// A payload file that cannot be read.
    pub(crate) fn new(workload: &Workload, seed: u64) -> Result<Desk, String> {
        Ok(Desk {
            writing: Writing::Load,
            forms: workload.lanes.iter().map(Form::new).collect::<Result<_, _>>()?,
            topic: String::new(),
            properties: PropertyBuf::new(),
            identity: Identity::default(),
            seed,
            run_tag: workload.run as u8,
            listed: Vec::new(),
            plain: Vec::new(),
        })
    }

    /// Who a client is.
    pub(crate) fn identity(&mut self, workload: &Workload, number: u32) -> &Identity {
        workload.identify(number, &mut self.identity);
        &self.identity
    }

    /// The quality at which is published on a lane.
    pub(crate) fn qos(&self, lane: usize) -> Qos {
        match self.writing {
            Writing::Load => self.forms[lane].qos,
            Writing::Clearing => Qos::AtMostOnce,
        }
    }

    /// The message of a lane with this origin.
    pub(crate) fn write(&mut self, workload: &Workload, at: usize, origin: Origin) -> Publication<'_> {
        let lane = &workload.lanes[at];
        let qos = self.qos(at);
        let form = &mut self.forms[at];
        let Origin { sender, sequence, intended, sent } = origin;
        let publisher = lane.publisher_of(sender);
        let fixed = lane.local(publisher).and_then(|number| form.topics.get(number as usize));
        let topic = match fixed {
            Some(topic) => topic,
            None => {
                lane.write_topic(publisher, sequence, &mut self.topic);
                &*self.topic
            }
        };
        let payload = match self.writing {
            Writing::Clearing => &[][..],
            Writing::Load => {
                let bytes = form.payload_bytes(self.seed ^ u64::from(sender) << 32 ^ u64::from(sequence));
                if lane.has_stamp {
                    let lateness = sent.saturating_sub(intended);
                    let stamp = Stamp { run_tag: self.run_tag, sender, sequence, intended, lateness };
                    stamp.write(&mut form.payload);
                }
                &form.payload[..bytes]
            }
        };
        self.properties.clear();
        if lane.has_response_topic {
            let response_topic = reply_topic(topic);
            self.properties.push(Property::ResponseTopic(&response_topic));
            self.properties.push(Property::CorrelationData(&payload[..STAMP_BYTES]));
        }
        for (name, value) in &lane.user_properties {
            self.properties.push(Property::UserProperty(name, value));
        }
        let properties = self.properties.as_properties();
        Publication { topic, payload, qos, retain: form.retain, properties, origin }
    }
}

impl Form {
    fn new(lane: &Lane) -> Result<Form, String> {
        let mut payload = lane.payload.filling()?;
        if lane.has_stamp {
            payload.resize(payload.len().max(STAMP_BYTES), 0);
        }
        let mut topic = String::new();
        let fixed = if lane.is_topic_fixed() { lane.publisher_count() } else { 0 };
        let topics = (0..fixed)
            .map(|number| {
                lane.write_topic(lane.global(number), 0, &mut topic);
                topic.as_str().into()
            })
            .collect();
        Ok(Form {
            qos: lane.publish_qos,
            retain: lane.retain,
            payload_bytes_min: match lane.payload {
                Payload::Range(least, _) => least as usize,
                Payload::Bytes(_) | Payload::File(_) => payload.len(),
            },
            payload,
            topics,
        })
    }

    /// Bytes of a payload, which depend on its number alone.
    fn payload_bytes(&self, number: u64) -> usize {
        let sizes = self.payload.len() - self.payload_bytes_min + 1;
        match sizes {
            1 => self.payload.len(),
            _ => self.payload_bytes_min + (chance::mix(number) % sizes as u64) as usize,
        }
    }
}
