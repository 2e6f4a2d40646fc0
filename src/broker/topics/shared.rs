//! Shared subscriptions on this shard: groups, their members here, and which member gets a message.
//!
//! Owns the members whose sessions live on this shard. Must never know the members elsewhere: the publishing shard
//! picks a shard by the counts announced from here (`shared_routes`), and that shard picks the member here.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use super::full::BacklogState;
use super::roster::{OfSession, Roster};
use super::subscriptions::Subscriber;
use crate::slab::{Slab, SlotId};

/// How a group chooses among its members. Every strategy prefers connected members: one without a connection gets a
/// message only when no member of the group on any shard is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShareStrategy {
    /// Each in turn; a shard is chosen as often as it has members.
    #[default]
    RoundRobin,
    /// The same member for all publishers while it stays connected. A shard that gains its first member of the
    /// group may take the part over once.
    Sticky,
    /// A shard in turn, there the member with the least waiting, among sixteen that change in turn.
    LeastBacklog,
    /// By publisher: the same one meets the same member while the membership does not change.
    HashPublisher,
    /// By topic: the same one meets the same member while the membership does not change.
    HashTopic,
    /// Each in turn among the members on the publisher's shard; if there is none, as `RoundRobin`.
    LocalFirst,
}

/// Candidates that `LeastBacklog` compares. Bounds the cost of one message in a group of any size.
const LEAST_BACKLOG_SAMPLE: usize = 16;

/// Whether a member's session has a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It has one.
    Connected,
    /// It waits for its client to come back.
    Offline,
}

/// One member of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member {
    /// Its session and what it asked for.
    pub subscriber: Subscriber,
    /// Whether it is connected.
    pub presence: Presence,
    /// Whether its backlog refuses messages.
    pub backlog: BacklogState,
}

impl OfSession for Member {
    fn session(&self) -> u32 {
        self.subscriber.session
    }
}

/// How many members of a group a shard has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MemberCounts {
    /// With a connection.
    pub connected: u32,
    /// Without.
    pub offline: u32,
}

impl MemberCounts {
    /// Whether there is no member.
    pub fn is_empty(self) -> bool {
        self == MemberCounts::default()
    }
}

/// Number of a group on the shard that gave it. One that is out of date finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(SlotId);

/// What names a group on the whole server [MQTT-4.8.2-1].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GroupName {
    /// The ShareName.
    pub share: Box<str>,
    /// The topic filter.
    pub filter: Box<str>,
}

/// A change in a group's membership on one shard, to be told to every shard, this one included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupUpdate {
    /// Which group.
    pub name: Arc<GroupName>,
    /// Its number on the announcing shard.
    pub group: GroupId,
    /// Members there from now on; none: the group has left that shard.
    pub counts: MemberCounts,
    /// Whether the backlogs of all of them refuse messages.
    pub backlog: BacklogState,
}

/// What an insertion did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// The group's number on this shard.
    pub group: GroupId,
    /// Whether the session was a member already; its options and identifier are now the new ones.
    pub replaced: bool,
    /// What to tell every shard, if the counts changed.
    pub update: Option<GroupUpdate>,
}

/// What a choice may depend on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PickInput {
    /// Hash of the publisher's client identifier.
    pub publisher_hash: u64,
    /// Hash of the topic name.
    pub topic_hash: u64,
}

/// The members of one group on this shard: the connected ones first.
#[derive(Debug)]
struct Group {
    name: Arc<GroupName>,
    members: Roster<Member>,
    connected: usize,
    /// Members whose backlog refuses messages.
    full: usize,
    /// Where the next turn begins.
    cursor: usize,
    /// The session that `Sticky` stays with.
    favourite: Option<u32>,
}

/// All groups that have a member on this shard.
#[derive(Debug)]
pub struct SharedGroups {
    groups: Slab<Group>,
    by_name: HashTable<GroupId>,
    member_count: usize,
    strategy: ShareStrategy,
    hasher: FixedState,
}

impl SharedGroups {
    /// No groups.
    pub fn new(hasher: FixedState, strategy: ShareStrategy) -> SharedGroups {
        SharedGroups { groups: Slab::default(), by_name: HashTable::new(), member_count: 0, strategy, hasher }
    }

    /// Adds a member to the group, which begins with its first one, or replaces what the session asked for.
    pub fn insert_member(&mut self, share: &str, filter: &str, member: Member) -> Joined {
        let id = self.find(share, filter).unwrap_or_else(|| self.add_group(share, filter));
        let group = self.groups.get_mut(id.0).expect("the group was found or added");
        let before = group.update(id);
        let replaced = group.insert(member);
        let update = Some(group.update(id)).filter(|update| *update != before);
        self.member_count += usize::from(!replaced);
        Joined { group: id, replaced, update }
    }

    /// Takes a session out of a group, which ends with its last member. None: it is no member.
    pub fn remove_member(&mut self, group: GroupId, session: u32) -> Option<GroupUpdate> {
        let found = self.groups.get_mut(group.0)?;
        found.remove(session)?;
        self.member_count -= 1;
        let update = found.update(group);
        if update.counts.is_empty() {
            self.remove_group(group);
        }
        Some(update)
    }

    /// Notes that a member's session gained or lost its connection. None: it is no member, or that was known.
    pub fn set_presence(&mut self, group: GroupId, session: u32, presence: Presence) -> Option<GroupUpdate> {
        let found = self.groups.get_mut(group.0)?;
        let position = found.members.position(session)?;
        let before = found.counts();
        found.place(position, Member { presence, ..found.members.as_slice()[position] });
        (found.counts() != before).then(|| found.update(group))
    }

    /// Notes that a member's backlog refuses messages, or no longer does. None: it is no member, or nobody need know.
    pub fn set_backlog(
        &mut self,
        group: GroupId,
        session: u32,
        backlog: BacklogState,
    ) -> Option<GroupUpdate> {
        let found = self.groups.get_mut(group.0)?;
        let position = found.members.position(session)?;
        let before = found.backlog();
        let member = found.members.as_slice()[position];
        found.full -= usize::from(member.backlog == BacklogState::Full);
        found.full += usize::from(backlog == BacklogState::Full);
        found.members.set(position, Member { backlog, ..member });
        (found.backlog() != before).then(|| found.update(group))
    }

    /// The member that gets the message. `backlog` tells how much waits for a session. None: no such group.
    pub fn pick_member(
        &mut self,
        group: GroupId,
        input: &PickInput,
        backlog: impl Fn(u32) -> usize,
    ) -> Option<Member> {
        let group = self.groups.get_mut(group.0)?;
        let position = match self.strategy {
            ShareStrategy::RoundRobin | ShareStrategy::LocalFirst => group.in_turn(),
            ShareStrategy::Sticky => group.favourite(),
            ShareStrategy::LeastBacklog => group.least(backlog),
            ShareStrategy::HashPublisher => bucket(mixed(input.publisher_hash), group.candidates().len()),
            ShareStrategy::HashTopic => bucket(mixed(input.topic_hash), group.candidates().len()),
        };
        Some(group.members.as_slice()[position])
    }

    /// The group of this name, if it has a member on this shard.
    pub fn find(&self, share: &str, filter: &str) -> Option<GroupId> {
        let hash = self.hasher.hash_one((share, filter));
        self.by_name.find(hash, |id| self.group(*id).name.is(share, filter)).copied()
    }

    /// The name of a group.
    pub fn name(&self, group: GroupId) -> Option<&Arc<GroupName>> {
        self.groups.get(group.0).map(|group| &group.name)
    }

    /// A group's members on this shard, connected ones first.
    pub fn members(&self, group: GroupId) -> &[Member] {
        self.groups.get(group.0).map_or(&[], |group| group.members.as_slice())
    }

    /// Number of members, over all groups.
    pub fn member_count(&self) -> usize {
        self.member_count
    }

    /// Number of groups with a member on this shard.
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    /// The present counts of all groups, by ascending number.
    pub fn updates(&self) -> impl Iterator<Item = GroupUpdate> {
        self.groups.ids().into_iter().map(|slot| self.group(GroupId(slot)).update(GroupId(slot)))
    }

    fn group(&self, id: GroupId) -> &Group {
        self.groups.get(id.0).expect("a group that is named is there")
    }

    fn add_group(&mut self, share: &str, filter: &str) -> GroupId {
        let name = Arc::new(GroupName { share: share.into(), filter: filter.into() });
        let id = GroupId(self.groups.insert(Group::new(name)));
        let SharedGroups { groups, by_name, hasher, .. } = self;
        let hash_of = |id: &GroupId| {
            let group = groups.get(id.0).expect("a group that is named is there");
            group.name.hash(hasher)
        };
        by_name.insert_unique(hash_of(&id), id, hash_of);
        id
    }

    fn remove_group(&mut self, id: GroupId) {
        let hash = self.group(id).name.hash(&self.hasher);
        let entry = self.by_name.find_entry(hash, |named| *named == id);
        entry.expect("a group has a name entry").remove();
        self.groups.remove(id.0);
    }
}

impl GroupName {
    pub(super) fn is(&self, share: &str, filter: &str) -> bool {
        *self.share == *share && *self.filter == *filter
    }

    pub(super) fn hash(&self, hasher: &FixedState) -> u64 {
        hasher.hash_one((&*self.share, &*self.filter))
    }
}

impl Group {
    fn new(name: Arc<GroupName>) -> Group {
        Group { name, members: Roster::default(), connected: 0, full: 0, cursor: 0, favourite: None }
    }

    fn counts(&self) -> MemberCounts {
        let offline = self.members.len() - self.connected;
        MemberCounts { connected: self.connected as u32, offline: offline as u32 }
    }

    fn update(&self, group: GroupId) -> GroupUpdate {
        GroupUpdate { name: self.name.clone(), group, counts: self.counts(), backlog: self.backlog() }
    }

    fn backlog(&self) -> BacklogState {
        if self.full < self.members.len() { BacklogState::Free } else { BacklogState::Full }
    }

    /// Whether it replaced one.
    fn insert(&mut self, member: Member) -> bool {
        let known = self.members.position(member.session());
        let held = known.map(|position| self.members.as_slice()[position].backlog);
        self.full -= usize::from(held == Some(BacklogState::Full));
        self.full += usize::from(member.backlog == BacklogState::Full);
        let position = known.unwrap_or_else(|| {
            self.members.push(Member { presence: Presence::Offline, ..member });
            self.members.len() - 1
        });
        self.place(position, member);
        known.is_some()
    }

    /// Sets the member at a position and moves it to the part of the list where it belongs.
    fn place(&mut self, position: usize, member: Member) {
        self.members.set(position, member);
        match member.presence {
            Presence::Connected if position >= self.connected => {
                self.members.swap(position, self.connected);
                self.connected += 1;
            }
            Presence::Offline if position < self.connected => {
                self.connected -= 1;
                self.members.swap(position, self.connected);
            }
            Presence::Connected | Presence::Offline => {}
        }
    }

    fn remove(&mut self, session: u32) -> Option<Member> {
        let mut position = self.members.position(session)?;
        if position < self.connected {
            self.connected -= 1;
            self.members.swap(position, self.connected);
            position = self.connected;
        }
        self.favourite = self.favourite.filter(|favourite| *favourite != session);
        let removed = self.members.swap_remove(position);
        self.full -= usize::from(removed.backlog == BacklogState::Full);
        Some(removed)
    }

    /// The connected members, or all if none is connected. Never empty: a group ends with its last member.
    fn candidates(&self) -> &[Member] {
        let all = self.members.as_slice();
        if self.connected > 0 { &all[..self.connected] } else { all }
    }

    fn in_turn(&mut self) -> usize {
        let position = if self.cursor < self.candidates().len() { self.cursor } else { 0 };
        self.cursor = position + 1;
        position
    }

    fn favourite(&mut self) -> usize {
        let known = self.favourite.and_then(|session| self.members.position(session));
        let position = known.filter(|position| *position < self.candidates().len()).unwrap_or(0);
        self.favourite = Some(self.members.as_slice()[position].session());
        position
    }

    fn least(&mut self, backlog: impl Fn(u32) -> usize) -> usize {
        let first = self.in_turn();
        let candidates = self.candidates();
        let sample =
            (first..first + candidates.len().min(LEAST_BACKLOG_SAMPLE)).map(|n| n % candidates.len());
        sample.min_by_key(|position| backlog(candidates[*position].session())).unwrap_or(first)
    }
}

/// One of `count` buckets by hash. Evenly filled; when a bucket is added at the end, only what falls into it moves
/// (Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm").
pub(super) fn bucket(mut hash: u64, count: usize) -> usize {
    let (mut chosen, mut next) = (0u64, 0u64);
    while next < count as u64 {
        chosen = next;
        hash = hash.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((chosen + 1) << 31) / ((hash >> 33) + 1);
    }
    chosen as usize
}

/// Another hash that says nothing about the first, for a second choice by the same thing.
pub(super) fn mixed(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests;
