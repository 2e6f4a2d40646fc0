//! A message to everyone who wants it: the retained store, local subscribers, shared groups, other shards.

use smallvec::SmallVec;

use crate::bundle::Bundle;
use crate::clients::Clients;
use crate::handlers::deliver::{Receiver, deliver};
use crate::handlers::{retained, shared};
use crate::letter::Letter;
use crate::message::Retain;
use crate::policy::Overlapping;
use crate::publication::Publication;
use crate::shard::Shard;
use crate::topics::Subscriber;

/// Whether anybody wanted a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// At least one subscription, here or elsewhere.
    Somebody,
    /// None.
    Nobody,
}

/// Hands out a message of a client of this shard [MQTT-4.5.0-1]; counted if nobody wants it.
pub(crate) fn publish(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    let reach = hand_out(shard, publication);
    shard.clients.counters.publish_unmatched += u64::from(reach == Reach::Nobody);
    reach
}

/// Hands out a message that came up on this shard.
pub(crate) fn hand_out(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    // Other shards first: the copy of a large message that they share then also serves the receivers here.
    let elsewhere = publish_elsewhere(shard, publication);
    if publication.parts.retain == Retain::Yes {
        retained::keep(shard, publication);
    }
    let here = publish_to_subscribers(shard, publication);
    let groups = shared::publish(shard, publication);
    if [elsewhere, here, groups].contains(&Reach::Somebody) { Reach::Somebody } else { Reach::Nobody }
}

/// One letter to each shard with interest.
fn publish_elsewhere(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    if !shard.has_peers() {
        return Reach::Nobody;
    }
    let routes = &shard.topics.routes;
    let interested = match &mut publication.known {
        Some(known) => routes.interested_in_known(known),
        None => routes.interested(publication.parts.topic),
    };
    if interested.is_empty() {
        return Reach::Nobody;
    }
    let fingerprint = publication.fingerprint(&shard.clients.hasher);
    for to in interested.iter() {
        let write = |bundle: &mut Bundle| Letter::Publish(bundle.enclose(publication, fingerprint));
        shard.clients.trays.post_with(to, write);
    }
    Reach::Somebody
}

/// The local part of a message from another shard. It goes no further.
pub(crate) fn publish_here(shard: &mut Shard, publication: &mut Publication<'_>) {
    publish_to_subscribers(shard, publication);
}

fn publish_to_subscribers(shard: &mut Shard, publication: &mut Publication<'_>) -> Reach {
    let mut lists: SmallVec<[&[Subscriber]; 8]> = SmallVec::new();
    let subscriptions = &shard.topics.subscriptions;
    match &mut publication.known {
        Some(known) => subscriptions.for_each_known_list(known, |list| lists.push(list)),
        None => subscriptions.for_each_list(publication.parts.topic, |list| lists.push(list)),
    }
    let clients = &mut shard.clients;
    match (&lists[..], shard.setup.broker.overlapping) {
        ([], _) => return Reach::Nobody,
        (lists @ [_], _) | (lists, Overlapping::Each) => {
            for list in lists {
                list.iter().for_each(|subscriber| to_subscriber(clients, subscriber, publication));
            }
        }
        (lists, Overlapping::Once) => once_each(clients, lists, publication),
    }
    Reach::Somebody
}

/// One subscription on its own.
fn to_subscriber(clients: &mut Clients, subscriber: &Subscriber, publication: &mut Publication<'_>) {
    if is_own(subscriber, publication) {
        return;
    }
    let identifier = [subscriber.identifier];
    let receiver = Receiver {
        session: subscriber.session,
        qos: subscriber.options.qos(),
        retain: forwarded_retain(subscriber, publication),
        identifiers: if subscriber.identifier == 0 { &[] } else { &identifier },
        group: None,
    };
    deliver(clients, &receiver, publication);
}

/// Several filters match: one copy for each session, at the highest QoS, with all identifiers [MQTT-3.3.4-4].
fn once_each(clients: &mut Clients, lists: &[&[Subscriber]], publication: &mut Publication<'_>) {
    let matches =
        lists.iter().flat_map(|list| list.iter()).filter(|subscriber| !is_own(subscriber, publication));
    let mut matches: Vec<&Subscriber> = matches.collect();
    matches.sort_by_key(|subscriber| subscriber.session);
    for same in matches.chunk_by(|a, b| a.session == b.session) {
        let identifiers: SmallVec<[u32; 4]> =
            same.iter().map(|s| s.identifier).filter(|&id| id != 0).collect();
        let Some(best) = same.iter().max_by_key(|subscriber| subscriber.options.qos()) else { continue };
        let keeps_retain = same.iter().any(|s| forwarded_retain(s, publication) == Retain::Yes);
        let receiver = Receiver {
            session: best.session,
            qos: best.options.qos(),
            retain: if keeps_retain { Retain::Yes } else { Retain::No },
            identifiers: &identifiers,
            group: None,
        };
        deliver(clients, &receiver, publication);
    }
}

/// No Local: a client's own message is not sent back on such a subscription [MQTT-3.8.3-3].
fn is_own(subscriber: &Subscriber, publication: &Publication<'_>) -> bool {
    subscriber.options.no_local() && publication.publisher.session == Some(subscriber.session)
}

/// RETAIN of a live forward [MQTT-3.3.1-12, MQTT-3.3.1-13].
fn forwarded_retain(subscriber: &Subscriber, publication: &Publication<'_>) -> Retain {
    if subscriber.options.retain_as_published() { publication.parts.retain } else { Retain::No }
}
