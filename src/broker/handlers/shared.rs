//! Shared subscriptions: one member of each group gets a message. The publishing shard picks a shard by the member
//! counts it knows, that shard picks the member.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::bundle::Enclosures;
use crate::clients::Clients;
use crate::handlers::deliver::{Receiver, deliver, has_expired};
use crate::handlers::fan_out::Reach;
use crate::handlers::letters;
use crate::handlers::session_end::{Begun, may_pass_on};
use crate::handlers::{announce, fullness};
use crate::letter::{Letter, SharedPublish};
use crate::message::{Message, Retain};
use crate::publication::{Publication, Publisher};
use crate::session::{Delivery, Session};
use crate::shard::{Shard, Topics};
use crate::slab::SlotId;
use crate::topics::{
    Fingerprint, GroupId, GroupName, Member, PickInput, Presence, ShardPick, ShareStrategy, SharedGroups,
};

/// Hands a message to one member of each matching group.
pub(crate) fn publish(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    if shard.topics.shared_routes.is_empty() {
        return Reach::Nobody;
    }
    fullness::settle(shard);
    let input = pick_input(shard, publication);
    let Shard { setup, clients, topics: Topics { shared_routes, groups, .. }, .. } = shard;
    let fingerprint = publication.fingerprint(&clients.hasher);
    let topic = publication.parts.topic;
    let mut known = publication.known.take();
    let mut reach = Reach::Nobody;
    let hand_over = |pick: ShardPick, name: &Arc<GroupName>| {
        reach = Reach::Somebody;
        if pick.shard == setup.shard {
            to_member_or_drop(groups, clients, pick.group, &input, publication);
        } else {
            to_shard(clients, pick, name, Travel { fingerprint, hops: 0 }, publication);
        }
    };
    match &mut known {
        Some(known) => shared_routes.for_each_pick_of_known(known, &input, hand_over),
        None => shared_routes.for_each_pick(topic, &input, hand_over),
    }
    publication.known = known;
    reach
}

/// What the strategy asks for; the rest is 0.
fn pick_input(shard: &Shard, publication: &Publication<'_>) -> PickInput {
    let topic_hash = match shard.setup.broker.share_strategy {
        ShareStrategy::HashTopic => shard.setup.seeds.hash_of(publication.parts.topic),
        _ => 0,
    };
    PickInput { publisher_hash: publication.publisher.hash, topic_hash }
}

/// What a letter to a shard says beside the message.
#[derive(Clone, Copy)]
struct Travel {
    /// Of the topic.
    fingerprint: Fingerprint,
    /// How many shards had no member left already.
    hops: u16,
}

/// A letter to the shard that was picked.
fn to_shard(
    clients: &mut Clients,
    pick: ShardPick,
    name: &Arc<GroupName>,
    travel: Travel,
    publication: &mut Publication<'_>,
) {
    clients.trays.post_with(pick.shard, |bundle| {
        Letter::SharedPublish(SharedPublish {
            message: bundle.enclose(publication, travel.fingerprint),
            group: pick.group,
            name: bundle.enclose_name(name),
            publisher_hash: publication.publisher.hash,
            hops: travel.hops,
        })
    });
}

fn to_member_or_drop(
    groups: &mut SharedGroups,
    clients: &mut Clients,
    group: GroupId,
    input: &PickInput,
    publication: &mut Publication<'_>,
) {
    if to_member(groups, clients, group, input, publication) == Reach::Nobody {
        clients.counters.dropped_no_member += 1;
    }
}

/// Picks a member on this shard.
fn to_member(
    groups: &mut SharedGroups,
    clients: &mut Clients,
    group: GroupId,
    input: &PickInput,
    publication: &mut Publication<'_>,
) -> Reach {
    let sessions = &clients.sessions;
    let backlog = |session: u32| sessions.peek(session).map_or(0, Session::backlog_count);
    let Some(picked) = groups.pick_member(group, input, backlog) else { return Reach::Nobody };
    let has_room = |member: &&Member| !fullness::is_full(sessions, &member.subscriber);
    let member = match clients.full_sessions {
        0 => picked,
        _ if has_room(&&picked) => picked,
        // One with room is preferred, a connected one first.
        _ => groups.members(group).iter().find(has_room).copied().unwrap_or(picked),
    };
    let identifier = [member.subscriber.identifier];
    let options = member.subscriber.options;
    let receiver = Receiver {
        session: member.subscriber.session,
        qos: options.qos(),
        retain: if options.retain_as_published() { publication.parts.retain } else { Retain::No },
        identifiers: if identifier[0] == 0 { &[] } else { &identifier },
        group: Some(group),
    };
    deliver(clients, &receiver, publication);
    Reach::Somebody
}

/// Another shard picked this one. If the group's last member has left meanwhile, the message goes to the shard that
/// has members now, as far as that is known here; a letter passes each shard once at most.
pub(crate) fn arrived(shard: &mut Shard, letter: &SharedPublish, enclosures: &mut Enclosures<'_>) {
    let publisher = Publisher { session: None, hash: letter.publisher_hash };
    let name = enclosures.name(letter.name);
    letters::with_message(shard, &letter.message, enclosures, publisher, |shard, publication| {
        let input = pick_input(shard, publication);
        let groups = &mut shard.topics.groups;
        if to_member(groups, &mut shard.clients, letter.group, &input, publication) == Reach::Somebody {
            return;
        }
        let hops = letter.hops + 1;
        if hops > shard.setup.shard_count {
            shard.clients.counters.dropped_no_member += 1;
            return;
        }
        to_group(shard, name, publication, hops);
    });
}

fn to_group(shard: &mut Shard, name: &Arc<GroupName>, publication: &mut Publication<'_>, hops: u16) {
    let input = pick_input(shard, publication);
    let Shard { setup, clients, topics, .. } = shard;
    match topics.shared_routes.pick(name, &input) {
        Some(pick) if pick.shard != setup.shard => {
            let travel = Travel { fingerprint: publication.fingerprint(&clients.hasher), hops };
            to_shard(clients, pick, name, travel, publication);
        }
        Some(pick) => to_member_or_drop(&mut topics.groups, clients, pick.group, &input, publication),
        None => clients.counters.dropped_no_member += 1,
    }
}

/// A session came or went: its groups prefer members that are connected.
pub(crate) fn set_presence(shard: &mut Shard, session_id: SlotId, presence: Presence) {
    let Some(session) = shard.clients.sessions.get(session_id) else { return };
    let groups: SmallVec<[GroupId; 4]> = session.groups().iter().copied().collect();
    for group in groups {
        if let Some(update) = shard.topics.groups.set_presence(group, session_id.index(), presence) {
            announce::group(shard, &update);
        }
    }
}

/// A message of a shared group whose receiver is gone for good.
pub(crate) struct Orphan {
    message: Message,
    name: Arc<GroupName>,
}

/// Takes what an ending session had not yet acknowledged of its shared groups.
pub(crate) fn orphans(shard: &mut Shard, id: SlotId) -> Vec<Orphan> {
    let Some(session) = shard.clients.sessions.get_mut(id) else { return Vec::new() };
    let Some(outgoing) = session.outgoing_if_any() else { return Vec::new() };
    let begun = outgoing.inflight.drain().into_iter().map(|delivery| (delivery, Begun::Yes));
    let waiting = outgoing.backlog.drain().into_iter().map(|delivery| (delivery, Begun::No));
    let (groups, left) = (&shard.topics.groups, outgoing.left.take());
    let orphan = |(delivery, begun): (Delivery, Begun)| {
        let group = delivery.group?;
        let name = groups.name(group).or_else(|| left.as_ref()?.name(group))?.clone();
        may_pass_on(&delivery, begun).then_some(Orphan { message: delivery.message, name })
    };
    begun.chain(waiting).filter_map(orphan).collect()
}

/// Gives orphans to the members that are left.
pub(crate) fn pass_on(shard: &mut Shard, orphans: Vec<Orphan>) {
    for orphan in orphans {
        if has_expired(&mut shard.clients, orphan.message.expires()) {
            continue;
        }
        let serial = shard.clients.next_serial();
        let mut publication = Publication::of_message(&orphan.message, Publisher::default(), serial);
        to_group(shard, &orphan.name, &mut publication, 0);
    }
}
