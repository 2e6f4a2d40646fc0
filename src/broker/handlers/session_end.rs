//! The end of a session: its subscriptions, its will, and the messages that others of its groups may still take.

use ringmq_protocol::Qos;

use crate::cause::Cause;
use crate::handlers::{announce, end, fullness, shared, will};
use crate::session::Delivery;
use crate::shard::Shard;
use crate::slab::SlotId;

/// Ends a session. One that still has a connection loses it first.
pub(crate) fn end(shard: &mut Shard, id: SlotId) {
    let Some(session) = shard.clients.sessions.get(id) else { return };
    if let Some(connection) = session.connection {
        end::connection(shard, connection, Cause::AdministrativeAction);
        if shard.clients.sessions.get(id).is_none() {
            // It was one that ends with its connection.
            return;
        }
    }
    will::publish(shard, id);
    fullness::forget(shard, id);
    let orphans = shared::orphans(shard, id);
    remove_subscriptions(shard, id);
    let clients = &mut shard.clients;
    let Some(session) = clients.sessions.remove(id) else { return };
    if shard.replaced != Some(id) {
        shard.setup.sessions.give_back();
    }
    if let Some(timer) = session.expiry_timer {
        clients.deadlines.cancel(timer);
    }
    shared::pass_on(shard, orphans);
}

fn remove_subscriptions(shard: &mut Shard, id: SlotId) {
    let Some(session) = shard.clients.sessions.get_mut(id) else { return };
    let filters = std::mem::take(&mut session.filters);
    let groups = session.groups.take();
    for filter in filters.into_vec() {
        if let Some(removed) = shard.topics.subscriptions.remove_by_id(filter, id.index()) {
            shard.setup.subscriptions.give_back();
            announce::closed(shard, removed.closes_route);
        }
    }
    for group in groups.into_iter().flat_map(|groups| *groups) {
        if let Some(update) = shard.topics.groups.remove_member(group, id.index()) {
            shard.setup.subscriptions.give_back();
            announce::group(shard, &update);
        }
    }
}

/// Whether another member may take over a delivery. QoS 2 that has begun may not [MQTT-4.8.2-5].
pub(crate) fn may_pass_on(delivery: &Delivery, begun: Begun) -> bool {
    match delivery.qos {
        Qos::AtMostOnce => false,
        Qos::AtLeastOnce => true,
        Qos::ExactlyOnce => begun == Begun::No,
    }
}

/// Whether a delivery was sent before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Begun {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use ringmq_protocol::{Connect, Property, PropertyBuf, Version};

    use crate::policy::ListenerPolicy;
    use crate::testing::{client, connect, shard};

    use super::*;

    /// Whether it would end with its connection or outlive it.
    #[test]
    fn a_connected_session_is_ended_once() {
        for expiry_s in [0, 1, u32::MAX] {
            let mut shard = shard(ListenerPolicy::default());
            let mut properties = PropertyBuf::new();
            properties.push(Property::SessionExpiry(expiry_s));
            let connect = Connect { properties: properties.as_properties(), ..connect(Version::V5, "a") };
            let connection = client(&mut shard, connect);
            let session = shard.clients.sessions.find("a").expect("it has connected");
            for _ in 0..2 {
                end(&mut shard, session);
                assert_eq!(shard.clients.sessions.find("a"), None);
            }
            let counters = shard.counters();
            assert_eq!((counters.sessions, counters.ended_by(Cause::AdministrativeAction)), (0, 1));
            assert!(!shard.take_last_output(connection).is_empty(), "the client is told");
        }
    }
}
