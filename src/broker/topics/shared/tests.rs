//! Groups on one shard: membership, counts and each strategy's choice.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ringmq_protocol::Qos;

use super::super::subscriptions::SubscriptionOptions;
use super::*;

const INPUT: PickInput = PickInput { publisher_hash: 1, topic_hash: 2 };

fn groups(strategy: ShareStrategy) -> SharedGroups {
    SharedGroups::new(FixedState::with_seed(4), strategy)
}

fn member(session: u32, presence: Presence) -> Member {
    let options = SubscriptionOptions::new(Qos::AtMostOnce);
    Member {
        subscriber: Subscriber { session, identifier: 0, options },
        presence,
        backlog: BacklogState::Free,
    }
}

/// A group of `count` connected members with sessions 0, 1, ...
fn group_of(count: u32, strategy: ShareStrategy) -> (SharedGroups, GroupId) {
    let mut all = groups(strategy);
    (0..count).for_each(|session| drop(all.insert_member("g", "a/+", member(session, Presence::Connected))));
    let group = all.find("g", "a/+").unwrap();
    (all, group)
}

fn pick(all: &mut SharedGroups, group: GroupId) -> u32 {
    all.pick_member(group, &INPUT, |_| 0).unwrap().session()
}

fn tally(picks: impl Iterator<Item = u32>) -> BTreeMap<u32, usize> {
    let mut counts = BTreeMap::new();
    picks.for_each(|session| *counts.entry(session).or_default() += 1);
    counts
}

/// [MQTT-4.8.2-1] a group is named by ShareName and filter together.
#[test]
fn name_and_filter_together_make_the_group() {
    let mut all = groups(ShareStrategy::RoundRobin);
    let mut join = |share, filter| all.insert_member(share, filter, member(1, Presence::Connected)).group;
    let ids = [join("g", "a"), join("h", "a"), join("g", "b"), join("g", "/a")];
    assert!((1..4).all(|n| !ids[..n].contains(&ids[n])));
    assert_eq!((all.find("g", "/a"), all.find("h", "b"), all.group_count()), (Some(ids[3]), None, 4));
    assert_eq!(all.updates().map(|update| update.group).collect::<Vec<_>>(), ids);
}

#[test]
fn counts_are_told_only_when_they_change() {
    let mut all = groups(ShareStrategy::RoundRobin);
    let counts =
        |update: Option<GroupUpdate>| update.map(|update| (update.counts.connected, update.counts.offline));
    let joined = all.insert_member("g", "a", member(1, Presence::Connected));
    let group = joined.group;
    assert_eq!((joined.replaced, counts(joined.update)), (false, Some((1, 0))));
    let again = all.insert_member("g", "a", member(1, Presence::Connected));
    assert_eq!((again.group, again.replaced, again.update), (group, true, None));
    assert_eq!(counts(all.insert_member("g", "a", member(2, Presence::Offline)).update), Some((1, 1)));
    assert_eq!(counts(all.set_presence(group, 1, Presence::Offline)), Some((0, 2)));
    assert_eq!(counts(all.set_presence(group, 1, Presence::Offline)), None);
    assert_eq!(counts(all.set_presence(group, 9, Presence::Offline)), None);
    assert_eq!(counts(all.remove_member(group, 9)), None);
    assert_eq!(counts(all.remove_member(group, 1)), Some((0, 1)));
    assert_eq!(counts(all.remove_member(group, 2)), Some((0, 0)));
    assert_eq!((all.group_count(), all.find("g", "a")), (0, None));
}

#[test]
fn a_number_of_an_ended_group_finds_nothing_in_its_successor() {
    let (mut all, old) = group_of(1, ShareStrategy::RoundRobin);
    all.remove_member(old, 0);
    all.insert_member("other", "b", member(5, Presence::Connected));
    assert_eq!(all.pick_member(old, &INPUT, |_| 0), None);
    assert_eq!(all.remove_member(old, 5), None);
    assert_eq!((all.name(old), all.members(old)), (None, &[][..]));
}

#[test]
fn offline_members_are_chosen_only_when_nobody_is_connected() {
    for strategy in [ShareStrategy::RoundRobin, ShareStrategy::Sticky, ShareStrategy::HashTopic] {
        let (mut all, group) = group_of(3, strategy);
        all.set_presence(group, 0, Presence::Offline);
        all.set_presence(group, 2, Presence::Offline);
        assert!((0..10).all(|_| pick(&mut all, group) == 1));
        all.set_presence(group, 1, Presence::Offline);
        assert!((0..10).all(|_| pick(&mut all, group) < 3));
    }
}

#[test]
fn in_turn_every_member_gets_the_same() {
    let (mut all, group) = group_of(7, ShareStrategy::RoundRobin);
    let counts = tally((0..70).map(|_| pick(&mut all, group)));
    assert!(counts.len() == 7 && counts.values().all(|count| *count == 10), "{counts:?}");
}

#[test]
fn sticky_stays_until_the_member_goes() {
    let (mut all, group) = group_of(5, ShareStrategy::Sticky);
    let first = pick(&mut all, group);
    for session in 10..50 {
        all.insert_member("g", "a/+", member(session, Presence::Connected));
        assert_eq!(pick(&mut all, group), first);
    }
    for session in (0..50).filter(|session| *session != first) {
        all.remove_member(group, session);
        assert_eq!(pick(&mut all, group), first);
    }
    all.insert_member("g", "a/+", member(60, Presence::Connected));
    all.set_presence(group, first, Presence::Offline);
    assert_eq!(pick(&mut all, group), 60);
}

#[test]
fn the_least_backlog_is_chosen_and_equals_take_turns() {
    let (mut all, group) = group_of(8, ShareStrategy::LeastBacklog);
    let chosen =
        |all: &mut SharedGroups| all.pick_member(group, &INPUT, |session| (session as usize + 3) % 8);
    assert!((0..20).all(|_| chosen(&mut all).unwrap().session() == 5));
    let counts = tally((0..80).map(|_| pick(&mut all, group)));
    assert!(counts.len() == 8 && counts.values().all(|count| *count == 10), "{counts:?}");
}

/// The backlog of a bounded number of members is asked for, however large the group.
#[test]
fn the_least_backlog_is_sought_among_a_bounded_sample() {
    let (mut all, group) = group_of(10_000, ShareStrategy::LeastBacklog);
    let asked = std::cell::Cell::new(0);
    all.pick_member(group, &INPUT, |_| asked.replace(asked.get() + 1));
    assert!(asked.get() <= LEAST_BACKLOG_SAMPLE, "{}", asked.get());
}

#[test]
fn one_publisher_meets_one_member_and_many_meet_all() {
    let (mut all, group) = group_of(10, ShareStrategy::HashPublisher);
    let mut by_publisher = |publisher: u64, topic: u64| {
        let input = PickInput { publisher_hash: mixed(publisher), topic_hash: topic };
        all.pick_member(group, &input, |_| 0).unwrap().session()
    };
    let first: Vec<u32> = (0..2_000).map(|publisher| by_publisher(publisher, 0)).collect();
    assert!((0..2_000).all(|publisher| by_publisher(publisher, 7) == first[publisher as usize]));
    let counts = tally(first.into_iter());
    assert!(counts.len() == 10 && counts.values().all(|count| (140..260).contains(count)), "{counts:?}");
}

/// Adding the last bucket moves only what falls into it.
#[test]
fn buckets_are_even_and_consistent() {
    for count in 1..40 {
        for key in 0..500 {
            let (with, without) = (bucket(mixed(key), count + 1), bucket(mixed(key), count));
            assert!(without < count && (with == without || with == count));
        }
    }
}

fn presence(is_connected: bool) -> Presence {
    if is_connected { Presence::Connected } else { Presence::Offline }
}

proptest! {
    /// Whatever joins, leaves, connects and disconnects: the counts are right, connected members lie in front.
    #[test]
    fn membership_behaves_as_a_map(ops in prop::collection::vec((0u8..3, 0u32..60, any::<bool>()), 1..300)) {
        let (mut all, mut model) = (groups(ShareStrategy::RoundRobin), BTreeMap::new());
        for (kind, session, is_connected) in ops {
            let group = all.find("g", "a");
            match (kind, group) {
                (0, Some(group)) => {
                    let update = all.remove_member(group, session);
                    prop_assert_eq!(update.is_some(), model.remove(&session).is_some());
                }
                (1, Some(group)) => {
                    let changed = model.get_mut(&session).map(|old| std::mem::replace(old, is_connected));
                    let update = all.set_presence(group, session, presence(is_connected));
                    prop_assert_eq!(update.is_some(), changed.is_some_and(|old| old != is_connected));
                }
                _ => {
                    all.insert_member("g", "a", member(session, presence(is_connected)));
                    model.insert(session, is_connected);
                }
            }
            let members = all.find("g", "a").map_or(&[][..], |group| all.members(group));
            let connected = model.values().filter(|is_connected| **is_connected).count();
            prop_assert_eq!(members.len(), model.len());
            for (index, member) in members.iter().enumerate() {
                prop_assert_eq!(member.presence, presence(index < connected));
                prop_assert_eq!(model.get(&member.session()), Some(&(index < connected)));
            }
        }
    }
}
