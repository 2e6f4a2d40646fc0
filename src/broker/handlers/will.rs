//! The will: kept at CONNECT, published or forgotten when the connection has ended.

use ringmq_protocol::Connect;

use crate::cause::WillFate;
use crate::clients::Timer;
use crate::handlers::fan_out;
use crate::message::{Content, Parts, Retain};
use crate::publication::{Publication, Publisher};
use crate::session::Expiry;
use crate::session::will::Will;
use crate::shard::Shard;
use crate::slab::SlotId;

/// Bytes that the will of this CONNECT takes.
pub(crate) fn size_bytes(packet: &Connect<'_>) -> usize {
    packet.will.as_ref().map_or(0, |will| {
        will.topic.len() + will.payload.len() + will.properties.as_bytes().len() + size_of::<Will>()
    })
}

/// Keeps the will of a CONNECT with the session, in place of an older one [MQTT-3.1.2-7]. A resumed session's old
/// will is not published: the client is back before its delay was over [MQTT-3.1.3-9].
pub(crate) fn keep(shard: &mut Shard, session_id: SlotId, packet: &Connect<'_>) {
    forget(shard, session_id);
    let Some(will) = &packet.will else { return };
    let mut passed_on = Vec::new();
    will.properties.passed_on(&mut passed_on);
    let content = Content::new(&Parts {
        topic: will.topic,
        passed_on: &passed_on,
        payload: will.payload,
        qos: will.qos,
        retain: if will.retain { Retain::Yes } else { Retain::No },
        expires: None,
    });
    let kept = Will {
        delay_s: will.properties.will_delay_s().unwrap_or(0),
        expiry_s: will.properties.message_expiry_s(),
        content,
    };
    shard.clients.will_bytes += kept.content.size_bytes();
    if let Some(session) = shard.clients.sessions.get_mut(session_id) {
        session.will = Some(Box::new(kept));
    }
}

/// The connection of a session has ended: the will is removed, published now, or set to wait for the earlier of
/// its delay and the end of the session [MQTT-3.1.2-8].
pub(crate) fn settle(shard: &mut Shard, session_id: SlotId, fate: WillFate) {
    let now = shard.clients.now;
    let Some(session) = shard.clients.sessions.get_mut(session_id) else { return };
    let Some(will) = &session.will else { return };
    let wait_s = match session.expiry() {
        Expiry::AtOnce => 0,
        Expiry::After(s) => will.delay_s.min(s),
        Expiry::Never => will.delay_s,
    };
    match (fate, wait_s) {
        (WillFate::Removed, _) => forget(shard, session_id),
        (WillFate::Published, 0) => publish(shard, session_id),
        (WillFate::Published, s) => {
            let timer = shard.clients.deadlines.insert(now.plus_s(s), Timer::Will(session_id));
            session.will_timer = Some(timer);
        }
    }
}

/// Publishes the will of a session, if it still has one, and forgets it [MQTT-3.1.2-10]. A broker that stops publishes none:
/// those who would get it are being disconnected as well, so that some would get some.
pub(crate) fn publish(shard: &mut Shard, session_id: SlotId) {
    if shard.is_stopping {
        return forget(shard, session_id);
    }
    let Some(session) = shard.clients.sessions.get(session_id) else { return };
    let publisher_hash = shard.setup.seeds.hash_of(&session.client_id);
    let Some(will) = take(shard, session_id) else { return };
    let mut parts = will.content.parts();
    parts.expires = will.expiry_s.map(|s| shard.clients.now.plus_s(s));
    let serial = shard.clients.next_serial();
    let publisher = Publisher { session: Some(session_id.index()), hash: publisher_hash };
    shard.clients.counters.wills_published += 1;
    fan_out::publish(shard, &mut Publication::new(parts, publisher, serial));
}

/// Forgets the will of a session.
pub(crate) fn forget(shard: &mut Shard, session_id: SlotId) {
    take(shard, session_id);
}

fn take(shard: &mut Shard, session_id: SlotId) -> Option<Box<Will>> {
    let clients = &mut shard.clients;
    let session = clients.sessions.get_mut(session_id)?;
    if let Some(timer) = session.will_timer.take() {
        clients.deadlines.cancel(timer);
    }
    let will = session.will.take()?;
    clients.will_bytes -= will.content.size_bytes();
    Some(will)
}
