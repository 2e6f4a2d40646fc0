//! Shared subscriptions: one member of each group gets a message. The publishing shard picks a shard by the member
//! counts it knows, that shard picks the member.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::handlers::announce;
use crate::handlers::deliver::{Receiver, deliver};
use crate::handlers::fan_out::{Reach, has_expired};
use crate::handlers::session_end::{Begun, may_pass_on};
use crate::letter::{Letter, SharedPublish};
use crate::message::{Message, Retain};
use crate::publication::{Publication, Publisher};
use crate::session::Delivery;
use crate::shard::Shard;
use crate::slab::SlotId;
use crate::topics::{GroupId, GroupName, PickInput, Presence, ShardPick};

/// Hands a message to one member of each matching group.
pub(crate) fn publish(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    if shard.topics.shared_routes.is_empty() {
        return Reach::Nobody;
    }
    let input = pick_input(shard, publication);
    let own = shard.setup.shard;
    let mut picks: SmallVec<[(ShardPick, Option<Arc<GroupName>>); 4]> = SmallVec::new();
    let choose = |pick: ShardPick, name: &Arc<GroupName>| {
        picks.push((pick, (pick.shard != own).then(|| name.clone())));
    };
    let routes = &mut shard.topics.shared_routes;
    match &mut publication.known {
        Some(known) => routes.for_each_pick_of_known(known, &input, choose),
        None => routes.for_each_pick(publication.parts.topic, &input, choose),
    }
    let reach = if picks.is_empty() { Reach::Nobody } else { Reach::Somebody };
    for (pick, name) in picks {
        match name {
            Some(name) => to_shard(shard, pick, name, publication, 0),
            None => to_member_or_drop(shard, pick.group, publication),
        }
    }
    reach
}

fn pick_input(shard: &Shard, publication: &Publication<'_>) -> PickInput {
    let topic_hash = shard.setup.seeds.hash_of(publication.parts.topic);
    PickInput { publisher_hash: publication.publisher.hash, topic_hash }
}

/// A letter to the shard that was picked.
fn to_shard(
    shard: &mut Shard,
    pick: ShardPick,
    name: Arc<GroupName>,
    publication: &mut Publication<'_>,
    hops: u16,
) {
    let letter = SharedPublish {
        content: publication.across(),
        group: pick.group,
        name,
        publisher_hash: publication.publisher.hash,
        hops,
    };
    shard.clients.trays.post(pick.shard, Letter::SharedPublish(Box::new(letter)));
}

fn to_member_or_drop(shard: &mut Shard, group: GroupId, publication: &mut Publication<'_>) {
    if to_member(shard, group, publication) == Reach::Nobody {
        shard.clients.counters.dropped_no_member += 1;
    }
}

/// Picks a member on this shard.
fn to_member(shard: &mut Shard, group: GroupId, publication: &mut Publication<'_>) -> Reach {
    let input = pick_input(shard, publication);
    let sessions = &shard.clients.sessions;
    let backlog =
        |session: u32| sessions.peek(session).map_or(0, super::super::session::Session::backlog_count);
    let Some(member) = shard.topics.groups.pick_member(group, &input, backlog) else { return Reach::Nobody };
    let identifier = [member.subscriber.identifier];
    let options = member.subscriber.options;
    let receiver = Receiver {
        session: member.subscriber.session,
        qos: options.qos(),
        retain: if options.retain_as_published() { publication.parts.retain } else { Retain::No },
        identifiers: if identifier[0] == 0 { &[] } else { &identifier },
        group: Some(group),
    };
    deliver(&mut shard.clients, &receiver, publication);
    Reach::Somebody
}

/// Another shard picked this one. If the group's last member has left meanwhile, the message goes to the shard that
/// has members now, as far as that is known here; a letter passes each shard once at most.
pub(crate) fn arrived(shard: &mut Shard, letter: &SharedPublish) {
    if has_expired(shard, &letter.content) {
        return;
    }
    let serial = shard.clients.next_serial();
    let publisher = Publisher { session: None, hash: letter.publisher_hash };
    let mut publication = Publication::of_content(&letter.content, publisher, serial);
    if to_member(shard, letter.group, &mut publication) == Reach::Somebody {
        return;
    }
    let hops = letter.hops + 1;
    if hops > shard.setup.shard_count {
        shard.clients.counters.dropped_no_member += 1;
        return;
    }
    to_group(shard, letter.name.clone(), &mut publication, hops);
}

fn to_group(shard: &mut Shard, name: Arc<GroupName>, publication: &mut Publication<'_>, hops: u16) {
    let input = pick_input(shard, publication);
    match shard.topics.shared_routes.pick(&name, &input) {
        Some(pick) if pick.shard != shard.setup.shard => to_shard(shard, pick, name, publication, hops),
        Some(pick) => to_member_or_drop(shard, pick.group, publication),
        None => shard.clients.counters.dropped_no_member += 1,
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
    let groups = &shard.topics.groups;
    let orphan = |(delivery, begun): (Delivery, Begun)| {
        let name = groups.name(delivery.group?)?.clone();
        may_pass_on(&delivery, begun).then_some(Orphan { message: delivery.message, name })
    };
    begun.chain(waiting).filter_map(orphan).collect()
}

/// Gives orphans to the members that are left.
pub(crate) fn pass_on(shard: &mut Shard, orphans: Vec<Orphan>) {
    for orphan in orphans {
        if has_expired(shard, &orphan.message) {
            continue;
        }
        let serial = shard.clients.next_serial();
        let mut publication = Publication::of_message(&orphan.message, Publisher::default(), serial);
        to_group(shard, orphan.name, &mut publication, 0);
    }
}
