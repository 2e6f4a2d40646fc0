//! Shared subscriptions seen from a publisher: which shard gets a message for each matching group.
//!
//! Owns, per group, how many members each shard has, as that shard last told, and whose turn is next. Must never
//! know the members: the chosen shard picks one (`shared`).

use std::sync::Arc;

use foldhash::fast::FixedState;
use smallvec::SmallVec;

use super::index::{FilterId, FilterIndex};
use super::known::KnownTopic;
use super::shared::{
    GroupId, GroupName, GroupUpdate, MemberCounts, PickInput, Presence, ShareStrategy, bucket, mixed,
};

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
    counts: MemberCounts,
    /// How far the shard is behind its share of the turns.
    credit: i64,
}

/// One group with at least one member somewhere.
#[derive(Debug)]
struct GroupRoute {
    name: Arc<GroupName>,
    hash: u64,
    /// By ascending shard.
    parts: Vec<Part>,
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
            groups.push(GroupRoute { name: name.clone(), hash: name.hash(&self.hasher), parts: Vec::new() });
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
    fn set(&mut self, update: &GroupUpdate, shard: u16) {
        let GroupUpdate { group, counts, .. } = *update;
        match self.parts.binary_search_by_key(&shard, |part| part.shard) {
            Ok(index) => {
                self.parts[index].group = group;
                self.parts[index].counts = counts;
            }
            Err(index) => self.parts.insert(index, Part { shard, group, counts, credit: 0 }),
        }
        self.bound_credits();
    }

    fn remove(&mut self, shard: u16) {
        self.parts.retain(|part| part.shard != shard);
        self.bound_credits();
    }

    /// Keeps an imbalance that stems from an older membership from lasting longer than one round of this one.
    fn bound_credits(&mut self) {
        let members = self.parts.iter().map(|part| part.counts);
        let all: i64 = members.map(|counts| i64::from(counts.connected) + i64::from(counts.offline)).sum();
        for part in &mut self.parts {
            part.credit = part.credit.clamp(-all, all);
        }
    }

    fn pick(&mut self, strategy: ShareStrategy, input: &PickInput, own_shard: u16) -> ShardPick {
        let index = match strategy {
            ShareStrategy::RoundRobin | ShareStrategy::LeastBacklog => self.in_turn(),
            ShareStrategy::Sticky => self.highest_score(),
            ShareStrategy::HashPublisher => self.by_hash(input.publisher_hash),
            ShareStrategy::HashTopic => self.by_hash(input.topic_hash),
            ShareStrategy::LocalFirst => self.own(own_shard).unwrap_or_else(|| self.in_turn()),
        };
        let part = &self.parts[index];
        ShardPick { shard: part.shard, group: part.group }
    }

    /// Which members count now: the connected ones if there are any.
    fn eligible(&self) -> Presence {
        let is_any_connected = self.parts.iter().any(|part| part.counts.connected > 0);
        if is_any_connected { Presence::Connected } else { Presence::Offline }
    }

    /// Smooth weighted round robin: in as many turns as there are members each shard gets as many as it has,
    /// spread evenly. Each turn pays every shard its weight, and the richest pays all of it to be chosen.
    fn in_turn(&mut self) -> usize {
        let eligible = self.eligible();
        let mut total = 0;
        let mut richest: Option<usize> = None;
        for index in 0..self.parts.len() {
            let weight = i64::from(self.parts[index].weight(eligible));
            if weight == 0 {
                continue;
            }
            total += weight;
            self.parts[index].credit += weight;
            if richest.is_none_or(|richest| self.parts[richest].credit < self.parts[index].credit) {
                richest = Some(index);
            }
        }
        let chosen = richest.expect("a group has a member");
        self.parts[chosen].credit -= total;
        chosen
    }

    /// Rendezvous hashing: every shard computes the same scores, so all publishers agree without talking.
    fn highest_score(&self) -> usize {
        let eligible = self.eligible();
        let score = |index: &usize| mixed(self.hash ^ mixed(u64::from(self.parts[*index].shard) + 1));
        let shards = (0..self.parts.len()).filter(|index| self.parts[*index].weight(eligible) > 0);
        shards.max_by_key(score).expect("a group has a member")
    }

    /// Lays all members end to end and takes the one that the hash falls on.
    fn by_hash(&self, hash: u64) -> usize {
        let eligible = self.eligible();
        let total: usize = self.parts.iter().map(|part| part.weight(eligible) as usize).sum();
        let mut position = bucket(hash, total);
        for (index, part) in self.parts.iter().enumerate() {
            let weight = part.weight(eligible) as usize;
            if position < weight {
                return index;
            }
            position -= weight;
        }
        unreachable!("a bucket is below the number of members")
    }

    fn own(&self, own_shard: u16) -> Option<usize> {
        let eligible = self.eligible();
        self.parts.iter().position(|part| part.shard == own_shard && part.weight(eligible) > 0)
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
