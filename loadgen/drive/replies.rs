//! Answers to requests, between the arrival of a request and the moment when its answer may leave.
//!
//! Owns what waits. Must never know a socket: whether an answer may leave is for the caller to say.

use std::collections::VecDeque;

use ringmq_protocol::{Properties, Property, PropertyBuf, Publish, Qos};

use crate::client::{NO_SENDER, Origin, Publication};
use crate::clock::Nanos;
use crate::stamp::{STAMP_BYTES, Stamp};
use crate::workload::{Workload, reply_topic};

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// Who answers.
    pub(crate) client: u32,
    pub(crate) lane: usize,
    topic: Box<str>,
    properties: PropertyBuf,
    payload: Box<[u8]>,
}

/// What became of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sending {
    /// It has left, or never will.
    Done,
    Later,
}

/// The answers that wait.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: VecDeque<Reply>,
}

impl Replies {
    /// Prepares the answer to a request that came to a client. `None` if it is no request of this run, or has not come with
    /// the properties it was sent with.
    pub(crate) fn take(&mut self, workload: &Workload, client: u32, request: &Publish<'_>) -> Option<()> {
        let stamp = Stamp::read(request.payload).filter(|stamp| stamp.run_tag == workload.run as u8)?;
        let lane = workload.lane_of(stamp.sender)?;
        let is_told = workload.lanes[lane].has_response_topic && workload.group(client).terms.version.is_v5();
        let mut properties = PropertyBuf::new();
        let topic = match request.properties.response_topic() {
            Some(topic) => topic.into(),
            None if is_told => return None,
            None => reply_topic(request.topic).into(),
        };
        match request.properties.correlation_data() {
            Some(data) if data == &request.payload[..STAMP_BYTES] => {
                properties.push(Property::CorrelationData(data));
            }
            None if !is_told => {}
            _ => return None,
        }
        self.waiting.push_back(Reply { client, lane, topic, properties, payload: request.payload.into() });
        Some(())
    }

    /// Offers every answer to `send`, in their order, and keeps those that are to leave later.
    pub(crate) fn send(&mut self, mut send: impl FnMut(&Reply) -> Sending) {
        self.waiting.retain(|reply| send(reply) == Sending::Later);
    }
}

impl Reply {
    /// The answer as a message. It is no message of a lane: the request is.
    pub(crate) fn publication(&self, qos: Qos, now: Nanos) -> Publication<'_> {
        let origin = Origin { sender: NO_SENDER, sequence: 0, intended: now, sent: now };
        let properties: Properties<'_> = self.properties.as_properties();
        Publication { topic: &self.topic, payload: &self.payload, qos, retain: false, properties, origin }
    }
}
