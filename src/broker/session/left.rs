//! The names of shared groups that a session has left while it held messages of them.
//!
//! Owns the names, which the table of groups forgets with their last members. Must never know when they are needed.

use std::sync::Arc;

use super::{Outgoing, Session};
use crate::topics::{GroupId, GroupName};

/// Groups that were left, each once.
#[derive(Debug, Default)]
pub(crate) struct LeftGroups {
    names: Vec<(GroupId, Arc<GroupName>)>,
    /// With this many it is worth finding out which are still needed.
    look_at: usize,
}

/// With fewer nobody looks. Each look costs a step for each delivery.
const LOOK_AT_MIN: usize = 16;

impl LeftGroups {
    /// The name of a group that was left.
    pub(crate) fn name(&self, group: GroupId) -> Option<&Arc<GroupName>> {
        self.names.iter().find(|(left, _)| *left == group).map(|(_, name)| name)
    }

    /// Notes a group that is left. When there are many, those of which nothing is `held` are forgotten.
    pub(crate) fn push<I>(&mut self, group: GroupId, name: &Arc<GroupName>, held: impl FnOnce() -> I)
    where
        I: Iterator<Item = GroupId>,
    {
        if self.name(group).is_some() {
            return;
        }
        self.names.push((group, name.clone()));
        if self.names.len() >= self.look_at.max(LOOK_AT_MIN) {
            let mut held: Vec<GroupId> = held().collect();
            held.sort_unstable();
            self.names.retain(|(left, _)| held.binary_search(left).is_ok());
            self.look_at = 2 * self.names.len();
        }
    }
}

impl Session {
    /// Forgets a shared subscription, but for the name of its group while messages of it may be on their way.
    pub(crate) fn remove_group(&mut self, id: GroupId, name: &Arc<GroupName>) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.leave_group(id, name);
        }
        if let Some(groups) = &mut self.groups {
            groups.retain(|&held| held != id);
            if groups.is_empty() {
                self.groups = None;
            }
        }
    }
}

impl Outgoing {
    /// Notes that the session leaves a group, so that what it holds of it can go to another member once the group has none
    /// here.
    fn leave_group(&mut self, group: GroupId, name: &Arc<GroupName>) {
        let (inflight, backlog) = (&self.inflight, &self.backlog);
        if inflight.len() > 0 || !backlog.is_empty() {
            let held = || inflight.deliveries().chain(backlog.deliveries()).filter_map(|held| held.group);
            self.left.get_or_insert_default().push(group, name, held);
        }
    }
}

#[cfg(test)]
mod tests {
    use foldhash::fast::FixedState;
    use ringmq_protocol::Qos;

    use super::*;
    use crate::topics::{
        BacklogState, Member, Presence, ShareStrategy, SharedGroups, Subscriber, SubscriptionOptions,
    };

    #[test]
    fn of_many_only_those_are_kept_of_which_something_is_held() {
        let mut groups = SharedGroups::new(FixedState::with_seed(1), ShareStrategy::RoundRobin);
        let mut left = LeftGroups::default();
        let mut held = Vec::new();
        for n in 0..1000 {
            let options = SubscriptionOptions::new(Qos::AtLeastOnce);
            let subscriber = Subscriber { session: 0, identifier: 0, options };
            let member = Member { subscriber, presence: Presence::Connected, backlog: BacklogState::Free };
            let group = groups.insert_member(&format!("g{n}"), "t", member).group;
            held.extend((n % 50 == 0).then_some(group));
            let name = groups.name(group).expect("it was made just now");
            left.push(group, name, || held.iter().copied());
            left.push(group, name, || held.iter().copied());
            assert!(left.names.len() <= LOOK_AT_MIN.max(2 * held.len()), "{} are kept", left.names.len());
        }
        for (n, group) in held.into_iter().enumerate() {
            assert_eq!(*left.name(group).expect("it is needed").share, *format!("g{}", n * 50));
        }
    }
}
