//! A delivery that must wait: into the backlog of its session, or what a full one does, counted and logged.

use crate::clients::Clients;
use crate::limits::Limits;
use crate::policy::BacklogFull;
use crate::session::backlog::{BacklogLimits, Bound, GivenUp};
use crate::session::{Delivery, Session};
use crate::time::Time;
use crate::trays::Dropped;

/// Lines about full backlogs that may wait for the shell. A session whose line has no room is tried again with the next
/// delivery that it drops.
const LINES_MAX: usize = 64;

/// Puts a delivery into the backlog of a session, within its bounds. What it cost is left to [`account`], if it cost
/// anything or may have made the backlog full.
#[inline(always)]
pub(crate) fn push(session: &mut Session, delivery: Delivery, limits: &Limits, now: Time) -> Option<GivenUp> {
    let when_full = session.backlog_full;
    let given_up = session.outgoing().backlog.push(delivery, self::limits(limits, when_full), now);
    (when_full == BacklogFull::Refuse || given_up != GivenUp::default()).then_some(given_up)
}

/// Counts and logs what a delivery in the backlog cost, and notes whether it is full now.
#[cold]
pub(crate) fn account(clients: &mut Clients, session: u32, given_up: GivenUp) {
    let Clients { sessions, limits, counters, .. } = clients;
    let Some(found) = sessions.at(session) else { return };
    let when_full = found.backlog_full;
    let limits = self::limits(limits, when_full);
    let outgoing = found.outgoing();
    counters.dropped_expired += given_up.expired;
    match when_full {
        BacklogFull::DropNewest => counters.dropped_backlog += given_up.dropped,
        BacklogFull::DropOldest => counters.dropped_backlog_oldest += given_up.dropped,
        BacklogFull::Refuse => {
            counters.kept_over_backlog += u64::from(given_up.bound.is_some());
            let reached = outgoing.backlog.reached(limits);
            if outgoing.full.is_none() && reached.is_some() {
                outgoing.full = Some(Box::default());
                clients.full_sessions += 1;
                clients.unsettled.push(session);
                note(clients, session, GivenUp { dropped: 1, bound: reached, ..given_up });
            }
            return;
        }
    }
    if given_up.dropped > 0 {
        note(clients, session, given_up);
    }
}

/// The bounds of every backlog.
pub(crate) fn limits(limits: &Limits, when_full: BacklogFull) -> BacklogLimits {
    BacklogLimits { count_max: limits.backlog_count_max, bytes_max: limits.backlog_bytes_max, when_full }
}

/// Leaves a line for the log, once a minute and session at most.
fn note(clients: &mut Clients, session: u32, given_up: GivenUp) {
    let Clients { sessions, trays, now, .. } = clients;
    let Some(session) = sessions.at(session) else { return };
    let when_full = session.backlog_full;
    let drops = &mut session.outgoing().drops;
    drops.add(given_up.dropped);
    if trays.dropped.len() >= LINES_MAX {
        return;
    }
    let Some(count) = drops.take_line(*now) else { return };
    let limit = match given_up.bound {
        Some(Bound::Bytes) => "backlog_bytes_max",
        Some(Bound::Count) | None => "backlog_count_max",
    };
    trays.dropped.push(Dropped { client_id: session.client_id.clone(), count, when_full, limit });
}
