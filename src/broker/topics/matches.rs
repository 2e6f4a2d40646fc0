//! What was found in a table for one topic, remembered as long as it holds.
//!
//! Owns how long that is: as long as the table has the generation that it had then. Must never know a table or a topic.

use smallvec::SmallVec;

use super::filter_id::FilterId;

/// Topics with more matching wildcard filters are not remembered together with these.
const MATCHES_MAX: usize = 64;

/// How often a table of filters has changed. 0 is before the first time.
pub(super) type Generation = u64;

/// The filters of one table that match one topic.
#[derive(Debug, Default)]
pub(super) struct Matches {
    exact: Remembered<Option<FilterId>>,
    /// Those with wildcards.
    ids: SmallVec<[FilterId; 4]>,
    generation: Option<Generation>,
}

impl Matches {
    /// The filter that is the topic itself, found by `find` if such filters have changed since it was last asked for.
    pub(super) fn exact(
        &mut self,
        generation: Generation,
        find: impl FnOnce() -> Option<FilterId>,
    ) -> Option<FilterId> {
        self.exact.get(generation, find)
    }

    /// Visits the filters with wildcards, found by `find` if such filters have changed since they were last asked for.
    pub(super) fn for_each_by_wildcard(
        &mut self,
        generation: Generation,
        find: impl FnOnce(&mut SmallVec<[FilterId; 4]>),
        visit: impl FnMut(FilterId),
    ) {
        if self.generation != Some(generation) {
            self.ids.clear();
            find(&mut self.ids);
            self.generation = Some(generation);
        }
        self.ids.iter().copied().for_each(visit);
        if self.ids.len() > MATCHES_MAX {
            *self = Matches { exact: self.exact, ..Matches::default() };
        }
    }
}

/// What was found in a table, and the generation of the table that says so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remembered<T>(Option<(Generation, T)>);

impl<T: Copy> Remembered<T> {
    /// What was found, by `find` if the table has changed since.
    pub(super) fn get(&mut self, generation: Generation, find: impl FnOnce() -> T) -> T {
        match self.0 {
            Some((then, found)) if then == generation => found,
            _ => self.0.insert((generation, find())).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_are_found_once_for_each_generation() {
        let mut matches = Matches::default();
        let mut finds = 0;
        for generation in [0, 0, 1, 1, 1, 0] {
            matches.for_each_by_wildcard(generation, |_| finds += 1, |_| ());
        }
        assert_eq!(finds, 3);
        finds = 0;
        for generation in [0, 0, 1, 1, 1, 0] {
            matches.exact(generation, || {
                finds += 1;
                None
            });
        }
        assert_eq!(finds, 3);
    }

    #[test]
    fn many_matches_are_found_each_time_and_take_no_room_between() {
        let mut matches = Matches::default();
        for count in [MATCHES_MAX, MATCHES_MAX + 1, MATCHES_MAX + 1] {
            let mut visited = 0;
            let find = |ids: &mut SmallVec<_>| ids.extend((0..count).map(FilterId::from_index));
            matches.for_each_by_wildcard(count as Generation, find, |_| visited += 1);
            assert_eq!(visited, count);
            assert_eq!(matches.ids.spilled(), count <= MATCHES_MAX);
        }
    }
}
