//! SUBSCRIBE: each filter granted or refused on its own, the new ones announced, and one SUBACK.

use std::sync::Arc;

use ringmq_protocol::{
    Filter, Reason, RetainHandling, SHARE_PREFIX, Subscribe, SubscribeOptions, level_count,
};
use smallvec::SmallVec;

use crate::access::Role;
use crate::cause::{Cause, Ending};
use crate::handlers::suback::{self, PendingSuback};
use crate::handlers::{announce, fullness};
use crate::letter::RetainedFor;
use crate::policy::ListenerPolicy;
use crate::session::Session;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{BacklogState, Member, Presence, Subscriber};

/// Takes a SUBSCRIBE [MQTT-3.8.4-1].
pub(crate) fn subscribe(shard: &mut Shard, id: SlotId, packet: &Subscribe<'_>) -> Result<(), Ending> {
    let identifier = packet.properties.subscription_id();
    let Some(connection) = shard.clients.connections.get(id) else { return Ok(()) };
    let (listener, role) = (connection.listener, connection.agreed.role);
    if identifier.is_some() && !shard.policy(listener).subscription_identifiers_available {
        let what = "subscription identifiers are not served";
        return Err(Ending { cause: Cause::IdentifiersNotSupported, what });
    }
    let is_v5 = connection.agreed.version.is_v5();
    if is_v5 && packet.filters.len() > 1 {
        // One alone is judged when it is added, without being read twice.
        check_form(packet.filters.iter().map(|(text, _)| text))?;
    }
    let Some((session, _)) = shard.clients.session_of(id) else { return Ok(()) };
    let mut pending = PendingSuback {
        after: 0,
        connection: id,
        packet_id: packet.packet_id,
        codes: SmallVec::new(),
        reads: SmallVec::new(),
    };
    for (text, options) in packet.filters.iter() {
        let options = granted(options, role, text, shard.policy(listener));
        let request = Request { session, listener, options, identifier: identifier.unwrap_or(0) };
        if pending.codes.len() >= shard.setup.limits.filters_per_packet_max {
            pending.codes.push(Reason::QuotaExceeded.as_byte());
            continue;
        }
        let code = match Filter::parse(text) {
            Some(filter) => add(shard, &request, &filter, &mut pending).unwrap_or_else(Reason::as_byte),
            None if is_v5 => return Err(NO_FILTER),
            None => Reason::TopicFilterInvalid.as_byte(),
        };
        pending.codes.push(code);
    }
    fullness::subscriptions_changed(shard, session);
    suback::answer(shard, pending);
    Ok(())
}

/// A text that is no filter, in a packet that is malformed by it.
const NO_FILTER: Ending = Ending { cause: Cause::Malformed, what: "a topic filter that is not one" };

/// A text that is no filter [MQTT-4.7.1-1, MQTT-4.7.1-2, MQTT-4.7.3-1] makes the whole packet malformed. The codes of SUBACK
/// and UNSUBACK are for filters that are well formed and not accepted; before 5.0 SUBACK has one for all that is refused,
/// UNSUBACK none.
pub(crate) fn check_form<'a>(mut filters: impl Iterator<Item = &'a str>) -> Result<(), Ending> {
    if filters.all(|text| Filter::parse(text).is_some()) { Ok(()) } else { Err(NO_FILTER) }
}

/// What is granted of what was asked for: no more than the announced Maximum QoS [MQTT-3.2.2-10]. A bridge, which has no
/// options to ask by, gets those that it needs; none of them concern a shared subscription but RETAIN as published.
fn granted(asked: SubscribeOptions, role: Role, text: &str, policy: &ListenerPolicy) -> SubscribeOptions {
    let granted = SubscribeOptions { qos: asked.qos.min(policy.qos_max), ..asked };
    match role {
        Role::Client => granted,
        Role::Bridge => SubscribeOptions {
            no_local: !text.starts_with(SHARE_PREFIX),
            retain_as_published: true,
            ..granted
        },
    }
}

/// One filter of a SUBSCRIBE, but for its text. The options are those that are granted.
struct Request {
    session: SlotId,
    listener: u16,
    options: SubscribeOptions,
    identifier: u32,
}

impl Request {
    fn subscriber(&self) -> Subscriber {
        Subscriber {
            session: self.session.index(),
            identifier: self.identifier,
            options: (&self.options).into(),
        }
    }
}

/// Adds or replaces one subscription; gives its code in SUBACK.
fn add(
    shard: &mut Shard,
    request: &Request,
    filter: &Filter<'_>,
    pending: &mut PendingSuback,
) -> Result<u8, Reason> {
    check(shard, request, filter)?;
    let place = take_place(shard, request, filter)?;
    let added = match filter.share {
        Some(share) => add_shared(shard, request, share, filter.filter),
        None => add_plain(shard, request, filter.filter, pending),
    };
    if (place, added) == (Place::Taken, Added::Replaced) {
        shard.setup.subscriptions.give_back();
    }
    Ok(request.options.qos.bits())
}

/// Whether a place was taken for a subscription that may turn out to replace another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    Taken,
    /// All are; the subscription has one already.
    Own,
}

/// What became of the subscription.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Added {
    New,
    Replaced,
}

/// Takes a place for one more subscription, of this session and of all.
fn take_place(shard: &mut Shard, request: &Request, filter: &Filter<'_>) -> Result<Place, Reason> {
    let session = shard.clients.sessions.get(request.session);
    let count = session.map_or(0, Session::subscription_count);
    let has_room = count < shard.setup.limits.subscriptions_per_session_max;
    if has_room && shard.setup.subscriptions.try_take() {
        return Ok(Place::Taken);
    }
    if is_held(shard, request.session, filter) { Ok(Place::Own) } else { Err(Reason::QuotaExceeded) }
}

/// What is served.
fn check(shard: &Shard, request: &Request, filter: &Filter<'_>) -> Result<(), Reason> {
    let policy = shard.policy(request.listener);
    let limits = &shard.setup.limits;
    if filter.has_wildcard() && !policy.wildcard_available {
        return Err(Reason::WildcardSubscriptionsNotSupported);
    }
    if filter.share.is_some() && !policy.shared_available {
        return Err(Reason::SharedSubscriptionsNotSupported);
    }
    if filter.filter.len() > limits.topic_bytes_max || level_count(filter.filter) > limits.topic_levels_max {
        return Err(Reason::TopicFilterInvalid);
    }
    Ok(())
}

/// Whether the session has this very subscription already, so that it is replaced and takes no room.
fn is_held(shard: &Shard, session: SlotId, filter: &Filter<'_>) -> bool {
    let topics = &shard.topics;
    match filter.share {
        Some(share) => topics.groups.find(share, filter.filter).is_some_and(|group| {
            topics.groups.members(group).iter().any(|member| member.subscriber.session == session.index())
        }),
        None => topics
            .subscriptions
            .id(filter.filter)
            .is_some_and(|id| topics.subscriptions.subscriber(id, session.index()).is_some()),
    }
}

/// A plain subscription. An identical filter is replaced [MQTT-3.8.4-3].
fn add_plain(shard: &mut Shard, request: &Request, filter: &str, pending: &mut PendingSuback) -> Added {
    let inserted = shard.topics.subscriptions.insert(filter, request.subscriber());
    if !inserted.replaced {
        if let Some(session) = shard.clients.sessions.get_mut(request.session) {
            session.add_filter(inserted.id);
        }
        announce::opened(shard, inserted.opens_route);
    }
    let wants_retained = match request.options.retain_handling {
        RetainHandling::Always => true,
        RetainHandling::IfNew => !inserted.replaced,
        RetainHandling::Never => false,
    };
    if wants_retained && shard.policy(request.listener).retain_available {
        let subscriber = request.subscriber();
        let receiver = RetainedFor { options: subscriber.options, identifier: subscriber.identifier };
        pending.reads.push((Arc::from(filter), receiver));
    }
    if inserted.replaced { Added::Replaced } else { Added::New }
}

/// A shared subscription: no retained messages are sent for it (4.8.2).
fn add_shared(shard: &mut Shard, request: &Request, share: &str, filter: &str) -> Added {
    let member = Member {
        subscriber: request.subscriber(),
        presence: Presence::Connected,
        backlog: BacklogState::Free,
    };
    let joined = shard.topics.groups.insert_member(share, filter, member);
    if !joined.replaced
        && let Some(session) = shard.clients.sessions.get_mut(request.session)
    {
        session.add_group(joined.group);
    }
    if let Some(update) = joined.update {
        announce::group(shard, &update);
    }
    if joined.replaced { Added::Replaced } else { Added::New }
}
