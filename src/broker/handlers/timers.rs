//! What is due: silence, sessions, wills, retained messages, `$SYS`.

use crate::cause::{Cause, Ending};
use crate::clients::{Clients, Timer};
use crate::connection::Stage;
use crate::handlers::{end, flow, fullness, held, questions, retained, session_end, sys, will};
use crate::shard::Shard;
use crate::slab::SlotId;

/// Handles a deadline.
pub(crate) fn fire(shard: &mut Shard, timer: Timer) {
    match timer {
        Timer::Connection(id) => connection_due(shard, id),
        Timer::SlowConsumer(id) => flow::grace_over(shard, id),
        Timer::SessionEnd(id) => session_due(shard, id),
        Timer::Will(id) => will_due(shard, id),
        Timer::RetainedExpiry => retained::expire(shard),
        Timer::BacklogExpiry(id) => fullness::expire(shard, id),
        Timer::HeldPublishes => held::go_on(shard),
        Timer::RetainedReads(id) => retained::go_on(shard, id),
        Timer::RetainedQuestions => questions::go_on(shard),
        Timer::Sys => sys::round(shard),
    }
}

/// Watches over the keep alive of a connection. One timer a connection: activity only moves `heard`, and the timer
/// finds out when it fires.
pub(crate) fn watch(clients: &mut Clients, id: SlotId) {
    let Some(connection) = clients.connections.get_mut(id) else { return };
    if let Some(timer) = connection.timer.take() {
        clients.deadlines.cancel(timer);
    }
    if let Some(ms) = connection.keep_alive_ms() {
        connection.timer =
            Some(clients.deadlines.insert(connection.heard.plus_ms(ms), Timer::Connection(id)));
    }
}

fn connection_due(shard: &mut Shard, id: SlotId) {
    let clients = &mut shard.clients;
    let Some(connection) = clients.connections.get_mut(id) else { return };
    connection.timer = None;
    match connection.stage {
        Stage::Closing => {}
        Stage::AwaitingConnect => end::connection(shard, id, Cause::ConnectTimeout),
        Stage::Connected => {
            let silent_ms = clients.now.since_ms(connection.heard);
            // A paused connection is not read from, so its silence says nothing; the slow consumer grace ends it.
            let is_over =
                connection.keep_alive_ms().is_some_and(|ms| silent_ms >= ms) && connection.flow.is_read();
            if is_over {
                let what = "nothing heard for one and a half times the keep alive";
                return end::connection(shard, id, Ending { cause: Cause::KeepAliveTimeout, what });
            }
            if !connection.flow.is_read() {
                connection.heard = clients.now;
            }
            if let Some((_, session)) = clients.session_of(id) {
                session.release_if_idle();
            }
            watch(clients, id);
        }
    }
}

#[inline(never)]
fn session_due(shard: &mut Shard, id: SlotId) {
    let Some(session) = shard.clients.sessions.get_mut(id) else { return };
    session.expiry_timer = None;
    shard.clients.counters.sessions_expired += 1;
    session_end::end(shard, id);
}

#[inline(never)]
fn will_due(shard: &mut Shard, id: SlotId) {
    if let Some(session) = shard.clients.sessions.get_mut(id) {
        session.will_timer = None;
        will::publish(shard, id);
    }
}
