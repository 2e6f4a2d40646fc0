//! Shared subscriptions seen from a publisher: which shard gets a message for each matching group.
//!
//! Owns, per group, how many members each shard has, as that shard last told, and whose turn is next. Must never
//! know the members: the chosen shard picks one (`shared`).

use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::filter_id::FilterId;
use super::full::BacklogState;
use super::index::FilterIndex;
use super::known::KnownTopic;
use super::shared::{
    GroupId, GroupName, GroupUpdate, MemberCounts, PickInput, Presence, ShareStrategy, bucket, mixed,
};
use super::turns::Turns;

/// The shard that gets a message for one group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShardPick {
    /// The shard.
    pub shard: u16,
    /// The group's number there.
    pub group: GroupId,
}

/// One shard's part of a group.
#[derive(Debug)]
struct Part {
    shard: u16,
    group: GroupId,
    /// All its members.
    told: MemberCounts,
    backlog: BacklogState,
    /// Its members that may be chosen: none if they have no room while others have.
    counts: MemberCounts,
    /// Members that count, here and on all shards before this one.
    end: usize,
}

/// One group with at least one member somewhere.
#[derive(Debug)]
struct GroupRoute {
    name: Arc<GroupName>,
    hash: u64,
    /// By ascending shard.
    parts: Vec<Part>,
    /// Which members count now: the connected ones if there are any.
    eligible: Presence,
    turns: Turns,
    /// The part that `Sticky` chooses.
    favourite: usize,
}

/// All groups of the server.
#[derive(Debug)]
pub struct SharedRoutes {
    filters: FilterIndex<Vec<GroupRoute>>,
    group_count: usize,
    strategy: ShareStrategy,
    own_shard: u16,
    hasher: FixedState,
}

impl SharedRoutes {
    /// No groups. `hasher` must be seeded alike on all shards, so that `Sticky` chooses alike on all.
    pub fn new(hasher: FixedState, strategy: ShareStrategy, own_shard: u16) -> SharedRoutes {
        let filters = FilterIndex::new(hasher.clone());
        SharedRoutes { filters, group_count: 0, strategy, own_shard, hasher }
    }

    /// Notes what a shard told about its part of a group.
    pub fn update(&mut self, update: &GroupUpdate, shard: u16) {
        if update.counts.is_empty() {
            self.remove(&update.name, shard);
        } else {
            self.group(&update.name).set(update, shard);
        }
    }

    /// Chooses a shard for every group whose filter matches the topic; `visit` is given the group's name as well.
    pub fn for_each_pick(
        &mut self,
        topic: &str,
        input: &PickInput,
        visit: impl FnMut(ShardPick, &Arc<GroupName>),
    ) {
        let mut found: SmallVec<[FilterId; 8]> = SmallVec::new();
        self.filters.for_each_match(topic, |id| found.push(id));
        self.pick_each(&found, input, visit);
    }

    /// As [`SharedRoutes::for_each_pick`], for a known topic.
    pub fn for_each_pick_of_known(
        &mut self,
        topic: &mut KnownTopic,
        input: &PickInput,
        visit: impl FnMut(ShardPick, &Arc<GroupName>),
    ) {
        let mut found: SmallVec<[FilterId; 8]> = SmallVec::new();
        let (name, matches) = topic.name_and_groups();
        self.filters.for_each_known_match(name, matches, |id| found.push(id));
        self.pick_each(&found, input, visit);
    }

    fn pick_each(
        &mut self,
        filters: &[FilterId],
        input: &PickInput,
        mut visit: impl FnMut(ShardPick, &Arc<GroupName>),
    ) {
        for &id in filters {
            for group in self.filters.get_mut(id) {
                visit(group.pick(self.strategy, input, self.own_shard), &group.name);
            }
        }
    }

    /// Chooses a shard for one group. None: it has no member anywhere.
    pub fn pick(&mut self, name: &GroupName, input: &PickInput) -> Option<ShardPick> {
        let id = self.filters.find(&name.filter)?;
        let group = self.filters.get_mut(id).iter_mut().find(|group| group.name.share == name.share)?;
        Some(group.pick(self.strategy, input, self.own_shard))
    }

    /// Whether a group whose filter matches the topic has no member with room on any shard. `has_room_here` is asked about
    /// the part on this shard.
    pub fn has_full_group(&self, topic: &str, has_room_here: impl Fn(GroupId) -> bool) -> bool {
        let has_room = |part: &Part| {
            if part.shard == self.own_shard {
                has_room_here(part.group)
            } else {
                part.backlog == BacklogState::Free
            }
        };
        let mut is_any_full = false;
        self.filters.for_each_match(topic, |id| {
            is_any_full |= self.filters.get(id).iter().any(|group| !group.parts.iter().any(has_room));
        });
        is_any_full
    }

    /// Number of groups.
    pub fn group_count(&self) -> usize {
        self.group_count
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.group_count == 0
    }

    fn group(&mut self, name: &Arc<GroupName>) -> &mut GroupRoute {
        let id =
            self.filters.find(&name.filter).unwrap_or_else(|| self.filters.add(&name.filter, Vec::new()));
        let groups = self.filters.get_mut(id);
        let index = groups.iter().position(|group| group.name.share == name.share).unwrap_or_else(|| {
            self.group_count += 1;
            groups.push(GroupRoute::new(name.clone(), name.hash(&self.hasher)));
            groups.len() - 1
        });
        &mut groups[index]
    }

    fn remove(&mut self, name: &GroupName, shard: u16) {
        let Some(id) = self.filters.find(&name.filter) else { return };
        let groups = self.filters.get_mut(id);
        let Some(index) = groups.iter().position(|group| group.name.share == name.share) else { return };
        groups[index].remove(shard);
        if !groups[index].parts.is_empty() {
            return;
        }
        groups.remove(index);
        self.group_count -= 1;
        if groups.is_empty() {
            self.filters.remove(id);
        }
    }
}

impl GroupRoute {
    fn new(name: Arc<GroupName>, hash: u64) -> GroupRoute {
        let (parts, turns) = (Vec::new(), Turns::default());
        GroupRoute { name, hash, parts, eligible: Presence::Offline, turns, favourite: 0 }
    }

    fn set(&mut self, update: &GroupUpdate, shard: u16) {
        let GroupUpdate { group, counts, backlog, .. } = *update;
        match self.parts.binary_search_by_key(&shard, |part| part.shard) {
            Ok(index) => {
                let end = self.parts[index].end;
                self.parts[index] = Part { shard, group, told: counts, backlog, counts, end };
            }
            Err(index) => {
                self.parts.insert(index, Part { shard, group, told: counts, backlog, counts, end: 0 });
            }
        }
        self.prepare();
    }

    fn remove(&mut self, shard: u16) {
        self.parts.retain(|part| part.shard != shard);
        self.prepare();
    }

    /// Finds out beforehand what every choice needs, since members come and go more seldom than messages.
    fn prepare(&mut self) {
        let is_room_anywhere = self.parts.iter().any(|part| part.backlog == BacklogState::Free);
        for part in &mut self.parts {
            let is_passed_over = is_room_anywhere && part.backlog == BacklogState::Full;
            part.counts = if is_passed_over { MemberCounts::default() } else { part.told };
        }
        let is_any_connected = self.parts.iter().any(|part| part.counts.connected > 0);
        self.eligible = if is_any_connected { Presence::Connected } else { Presence::Offline };
        let mut end = 0;
        for part in &mut self.parts {
            end += part.weight(self.eligible) as usize;
            part.end = end;
        }
        self.turns.set(self.parts.iter().map(|part| (part.shard, part.weight(self.eligible))));
        self.favourite = self.highest_score().unwrap_or(0);
    }

    fn pick(&mut self, strategy: ShareStrategy, input: &PickInput, own_shard: u16) -> ShardPick {
        let index = match strategy {
            ShareStrategy::RoundRobin | ShareStrategy::LeastBacklog => self.in_turn(),
            ShareStrategy::Sticky => self.favourite,
            ShareStrategy::HashPublisher => self.by_hash(input.publisher_hash),
            ShareStrategy::HashTopic => self.by_hash(input.topic_hash),
            ShareStrategy::LocalFirst => self.own(own_shard).unwrap_or_else(|| self.in_turn()),
        };
        let part = &self.parts[index];
        ShardPick { shard: part.shard, group: part.group }
    }

    /// In as many turns as there are members each shard gets as many as it has, spread evenly.
    fn in_turn(&mut self) -> usize {
        self.turns.next().expect("a group has a member")
    }

    /// Rendezvous hashing: every shard computes the same scores, so all publishers agree without talking.
    fn highest_score(&self) -> Option<usize> {
        let score = |index: &usize| mixed(self.hash ^ mixed(u64::from(self.parts[*index].shard) + 1));
        let shards = (0..self.parts.len()).filter(|index| self.parts[*index].weight(self.eligible) > 0);
        shards.max_by_key(score)
    }

    /// Lays all members end to end and takes the one that the hash falls on.
    fn by_hash(&self, hash: u64) -> usize {
        let total = self.parts.last().map_or(0, |part| part.end);
        let position = bucket(hash, total);
        self.parts.partition_point(|part| part.end <= position)
    }

    fn own(&self, own_shard: u16) -> Option<usize> {
        let index = self.parts.binary_search_by_key(&own_shard, |part| part.shard).ok()?;
        (self.parts[index].weight(self.eligible) > 0).then_some(index)
    }
}

impl Part {
    fn weight(&self, eligible: Presence) -> u32 {
        match eligible {
            Presence::Connected => self.counts.connected,
            Presence::Offline => self.counts.offline,
        }
    }
}

#[cfg(test)]
mod tests;
