//! What the broker tells of itself below `$SYS`, followed by a subscriber.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use ringmq_broker::cause::Cause;
use ringmq_protocol::Qos;

use crate::broker::Broker;
use crate::client::{Client, Received};
use crate::sockets::{PATIENCE, is_timeout};

/// What a [`crate::broker::Plan`] must set so that there is something to observe.
pub(crate) const EVERY_SECOND: &str = "topics.sys_interval_s=1";

/// What has arrived is read within this time.
const SOON: Duration = Duration::from_millis(1);

/// A subscriber to the figures of the broker.
pub(crate) struct Observer {
    client: Client,
    figures: BTreeMap<String, u64>,
}

impl Observer {
    pub(crate) fn of(broker: &Broker) -> Observer {
        let mut client = Client::connect(broker, "observer");
        client.send_subscribe("$SYS/broker/#", Qos::AtMostOnce);
        Observer { client, figures: BTreeMap::new() }
    }

    /// Waits until so many connections have ended for `cause`.
    pub(crate) fn wait_for_ends(&mut self, cause: Cause, count: u64) {
        self.wait_for(&format!("ended/{}", cause.row().name), |ends| ends == count);
    }

    /// Whether the broker has told by now that so many connections have ended for `cause`.
    pub(crate) fn sees_ends(&mut self, cause: Cause, count: u64) -> bool {
        while let Ok(Received::Publish { topic, payload, .. }) = self.client.next_within(SOON) {
            self.take(&topic, &payload);
        }
        self.figures.get(&format!("ended/{}", cause.row().name)) == Some(&count)
    }

    /// Waits until a figure is as wanted.
    ///
    /// # Panics
    /// If it is not within [`PATIENCE`].
    pub(crate) fn wait_for(&mut self, name: &str, wanted: impl Fn(u64) -> bool) -> u64 {
        let until = Instant::now() + PATIENCE;
        loop {
            let figure = self.figures.get(name).copied();
            if let Some(figure) = figure.filter(|&figure| wanted(figure)) {
                return figure;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{name} is {figure:?}; all that ended: {}", self.ends());
            match self.client.next_within(left) {
                Ok(Received::Publish { topic, payload, .. }) => self.take(&topic, &payload),
                Ok(_) => {}
                Err(error) => assert!(is_timeout(&error), "{error}"),
            }
        }
    }

    /// Figures that are whole numbers are kept, the others are for people.
    fn take(&mut self, topic: &str, payload: &[u8]) {
        let name = topic.strip_prefix("$SYS/broker/").expect("it is subscribed");
        if let Ok(figure) = String::from_utf8_lossy(payload).parse() {
            self.figures.insert(name.to_owned(), figure);
        }
    }

    fn ends(&self) -> String {
        let ends = self.figures.iter().filter(|(name, figure)| name.starts_with("ended/") && **figure > 0);
        format!("{:?}", ends.collect::<Vec<_>>())
    }
}
