//! The number of a filter.
//!
//! Owns how it is counted: from 1, so that a missing one takes no room. Must never know a table.

use std::num::NonZeroU32;

/// Number of a filter in one table, from the filter's first entry to its last; then it may name another filter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FilterId(NonZeroU32);

impl FilterId {
    /// Of the entry with this index, from 0.
    pub(super) fn from_index(index: usize) -> FilterId {
        let number = u32::try_from(index + 1).expect("fewer than 2^32 filters");
        FilterId(NonZeroU32::new(number).expect("an index plus one is not zero"))
    }

    /// The index of its entry.
    pub(super) fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}
