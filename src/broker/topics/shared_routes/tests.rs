//! Choice of a shard, alone and together with the choice of the member there.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringmq_protocol::Qos;

use super::super::shared::{Member, SharedGroups};
use super::super::subscriptions::{Subscriber, SubscriptionOptions};
use super::*;

/// Some shards, each with its groups, and the view that one publishing shard has of them.
struct World {
    shards: Vec<SharedGroups>,
    routes: SharedRoutes,
}

impl World {
    fn new(strategy: ShareStrategy, shard_count: u16) -> World {
        let hasher = FixedState::with_seed(6);
        let shards = (0..shard_count).map(|_| SharedGroups::new(hasher.clone(), strategy)).collect();
        World { shards, routes: SharedRoutes::new(hasher, strategy, 0) }
    }

    fn join(&mut self, shard: u16, name: (&str, &str), session: u32, presence: Presence) {
        let options = SubscriptionOptions::new(Qos::AtMostOnce);
        let member = Member {
            subscriber: Subscriber { session, identifier: 0, options },
            presence,
            backlog: BacklogState::Free,
        };
        let joined = self.shards[usize::from(shard)].insert_member(name.0, name.1, member);
        self.routes.update(&joined.update.unwrap(), shard);
    }

    fn leave(&mut self, shard: u16, name: (&str, &str), session: u32) {
        let groups = &mut self.shards[usize::from(shard)];
        let group = groups.find(name.0, name.1).unwrap();
        self.routes.update(&groups.remove_member(group, session).unwrap(), shard);
    }

    /// The members that get a publish.
    fn publish(&mut self, topic: &str, input: &PickInput) -> Vec<(u16, u32)> {
        let mut picks = Vec::new();
        self.routes.for_each_pick(topic, input, |pick, _| picks.push(pick));
        let picks = picks.into_iter().map(|pick| {
            let groups = &mut self.shards[usize::from(pick.shard)];
            (pick.shard, groups.pick_member(pick.group, input, |_| 0).unwrap().subscriber.session)
        });
        picks.collect()
    }
}

const GROUP: (&str, &str) = ("g", "a/+");
const INPUT: PickInput = PickInput { publisher_hash: 1, topic_hash: 2 };

fn tally(world: &mut World, publishes: usize) -> BTreeMap<(u16, u32), usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..publishes {
        let picked = world.publish("a/b", &INPUT);
        assert_eq!(picked.len(), 1, "one member of the group gets each message");
        *counts.entry(picked[0]).or_default() += 1;
    }
    counts
}

/// A message that one member could not take goes to the group again, by name.
#[test]
fn one_group_can_be_asked_by_name() {
    let mut world = World::new(ShareStrategy::RoundRobin, 2);
    world.join(0, GROUP, 1, Presence::Connected);
    world.join(1, GROUP, 2, Presence::Connected);
    world.join(1, ("h", "a/+"), 3, Presence::Connected);
    let name = |share: &str, filter: &str| GroupName { share: share.into(), filter: filter.into() };
    let mut shard = |share, filter| world.routes.pick(&name(share, filter), &INPUT).map(|pick| pick.shard);
    assert_eq!([shard("g", "a/+"), shard("g", "a/+"), shard("h", "a/+")], [Some(0), Some(1), Some(1)]);
    assert_eq!([shard("i", "a/+"), shard("g", "a/b")], [None, None]);
}

/// [MQTT-4.7.2-1] holds for shared filters as well; each group gets its own copy.
#[test]
fn every_matching_group_gets_one_copy() {
    let mut world = World::new(ShareStrategy::RoundRobin, 2);
    for (session, name) in
        (0..).zip([("g", "a/b"), ("h", "a/b"), ("g", "a/+"), ("g", "#"), ("g", "b"), ("g", "$x/b")])
    {
        world.join((session % 2) as u16, name, session, Presence::Connected);
    }
    let sessions = |picked: Vec<(u16, u32)>| {
        let mut sessions: Vec<u32> = picked.into_iter().map(|(_, session)| session).collect();
        sessions.sort_unstable();
        sessions
    };
    assert_eq!(sessions(world.publish("a/b", &INPUT)), [0, 1, 2, 3]);
    assert_eq!(sessions(world.publish("$x/b", &INPUT)), [5]);
    world.leave(1, ("h", "a/b"), 1);
    world.leave(0, ("g", "a/b"), 0);
    assert_eq!(sessions(world.publish("a/b", &INPUT)), [2, 3]);
    for (session, name) in [(2, ("g", "a/+")), (3, ("g", "#")), (4, ("g", "b")), (5, ("g", "$x/b"))] {
        world.leave((session % 2) as u16, name, session);
    }
    assert!(world.routes.is_empty() && world.routes.filters.len() == 0);
}

#[test]
fn offline_members_get_a_message_only_when_nobody_anywhere_is_connected() {
    for strategy in [
        ShareStrategy::RoundRobin,
        ShareStrategy::Sticky,
        ShareStrategy::HashTopic,
        ShareStrategy::LocalFirst,
    ] {
        let mut world = World::new(strategy, 3);
        world.join(0, GROUP, 1, Presence::Offline);
        world.join(1, GROUP, 2, Presence::Offline);
        world.join(2, GROUP, 3, Presence::Connected);
        world.join(2, GROUP, 4, Presence::Offline);
        assert!((0..10).all(|_| world.publish("a/b", &INPUT) == [(2, 3)]), "{strategy:?}");
        world.leave(2, GROUP, 3);
        assert!(world.publish("a/b", &INPUT)[0].1 != 3);
    }
}

#[test]
fn sticky_chooses_alike_on_every_shard_and_keeps_to_it() {
    let mut world = World::new(ShareStrategy::Sticky, 4);
    for session in 0..8 {
        world.join((session % 4) as u16, GROUP, session, Presence::Connected);
    }
    let counts = tally(&mut world, 50);
    assert_eq!(counts.len(), 1);
    let mut elsewhere = SharedRoutes::new(FixedState::with_seed(6), ShareStrategy::Sticky, 3);
    for (shard, groups) in (0..).zip(&world.shards).collect::<Vec<_>>().into_iter().rev() {
        groups.updates().for_each(|update| elsewhere.update(&update, shard));
    }
    elsewhere.for_each_pick("a/b", &INPUT, |pick, _| {
        assert!(counts.keys().all(|(shard, _)| *shard == pick.shard));
    });
    let (shard, session) = *counts.keys().next().unwrap();
    world.leave(shard, GROUP, session);
    assert_eq!(tally(&mut world, 50).len(), 1);
}

#[test]
fn local_members_come_first() {
    let mut world = World::new(ShareStrategy::LocalFirst, 3);
    for (session, shard) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
        world.join(shard, GROUP, session, Presence::Connected);
    }
    assert_eq!(tally(&mut world, 10), BTreeMap::from([((0, 1), 5), ((0, 2), 5)]));
    world.leave(0, GROUP, 1);
    world.leave(0, GROUP, 2);
    assert_eq!(tally(&mut world, 10), BTreeMap::from([((1, 3), 5), ((2, 4), 5)]));
}

/// One publisher meets one member; many publishers load shards by their number of members.
#[test]
fn hashing_spreads_publishers_over_all_members_of_all_shards() {
    let mut world = World::new(ShareStrategy::HashPublisher, 3);
    for session in 0..12 {
        world.join([0, 1, 1, 2, 2, 2][session as usize % 6], GROUP, session, Presence::Connected);
    }
    let mut counts = BTreeMap::<_, usize>::new();
    for publisher in 0..6_000 {
        let input = PickInput { publisher_hash: mixed(publisher), topic_hash: 0 };
        let picked = world.publish("a/b", &input);
        assert_eq!(world.publish("a/c", &PickInput { topic_hash: 9, ..input }), picked);
        *counts.entry(picked[0]).or_default() += 1;
    }
    assert!(counts.len() == 12 && counts.values().all(|count| (400..600).contains(count)), "{counts:?}");
}

/// A shard that loses most of its members is neither starved nor flooded for longer than a round.
#[test]
fn an_old_imbalance_ends_with_the_membership_it_came_from() {
    let mut world = World::new(ShareStrategy::RoundRobin, 2);
    (0..1000).for_each(|session| world.join(0, GROUP, session, Presence::Connected));
    world.join(1, GROUP, 5000, Presence::Connected);
    tally(&mut world, 500);
    (1..1000).for_each(|session| world.leave(0, GROUP, session));
    let counts = tally(&mut world, 20);
    assert!(counts.values().all(|count| (9..=11).contains(count)), "{counts:?}");
}

proptest! {
    /// Any members on any shards: after any number of publishes of one publisher each member has its share, give
    /// or take two.
    #[test]
    fn turns_are_fair_across_shards(
        sizes in prop::collection::vec(0u32..12, 1..9),
        publishes in 1usize..400,
    ) {
        let total: u32 = sizes.iter().sum();
        prop_assume!(total > 0);
        let mut world = World::new(ShareStrategy::RoundRobin, 9);
        for (shard, size) in (0..).zip(&sizes) {
            (0..*size).for_each(|session| world.join(shard, GROUP, session, Presence::Connected));
            world.join(shard, GROUP, 99, Presence::Offline);
        }
        let counts = tally(&mut world, publishes);
        let mean = publishes as f64 / f64::from(total);
        for (shard, size) in (0..).zip(&sizes) {
            for session in 0..*size {
                let count = *counts.get(&(shard, session)).unwrap_or(&0) as f64;
                prop_assert!((count - mean).abs() <= 2.0, "{} of {} for {}/{}", count, mean, shard, session);
            }
        }
        prop_assert!(counts.keys().all(|(_, session)| *session != 99));
    }

    /// Hashing and stickiness do not depend on the order in which the shards were heard.
    #[test]
    fn stateless_choices_do_not_depend_on_history(
        mut sizes in prop::collection::vec((0u16..8, 1u32..5), 1..12),
        publisher_hash in any::<u64>(),
    ) {
        for strategy in [ShareStrategy::Sticky, ShareStrategy::HashPublisher] {
            sizes.sort_unstable();
            sizes.dedup_by_key(|(shard, _)| *shard);
            let picked = |sizes: &[(u16, u32)]| {
                let mut world = World::new(strategy, 8);
                for (shard, size) in sizes {
                    (0..*size).for_each(|session| world.join(*shard, GROUP, session, Presence::Connected));
                }
                let mut shards = Vec::new();
                let input = PickInput { publisher_hash, topic_hash: 0 };
                world.routes.for_each_pick("a/b", &input, |pick, _| shards.push(pick.shard));
                shards
            };
            let ascending = picked(&sizes);
            sizes.reverse();
            prop_assert_eq!(picked(&sizes), ascending);
        }
    }
}
