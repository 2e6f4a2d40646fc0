//! Which part of a run a process does, where several do it together.
//!
//! Owns the division. Must never know who does the other parts.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Which part of a run this process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    /// From 0.
    pub(crate) part: u32,
    pub(crate) of: u32,
}

impl Share {
    /// All of it.
    pub(crate) const WHOLE: Share = Share { part: 0, of: 1 };

    /// The part of so many things, as their numbers.
    pub(super) fn range(self, count: u64) -> Range<u64> {
        let (part, of) = (u64::from(self.part), u64::from(self.of));
        count * part / of..count * (part + 1) / of
    }

    /// The part of a group, as numbers in the group.
    pub(super) fn members(self, count: u32) -> Range<u32> {
        let range = self.range(count.into());
        range.start as u32..range.end as u32
    }
}
