//! A list with at most one entry per session, quick to walk, and to search when long.
//!
//! Owns the order of the entries. Must never know what an entry says. Order depends only on the history of calls:
//! an entry that leaves is replaced by the last one.

use hashbrown::HashTable;

use super::fingerprint::spread;

/// Above this length the list is indexed; below it a walk is quicker than a table.
const INDEXED_ABOVE: usize = 32;

/// Something that belongs to one session.
pub(super) trait OfSession {
    /// The session's number on this shard.
    fn session(&self) -> u32;
}

/// The list.
#[derive(Debug)]
pub(super) struct Roster<T> {
    entries: Vec<T>,
    /// Positions by session. Empty until the list has grown long once.
    positions: HashTable<u32>,
}

impl<T> Default for Roster<T> {
    fn default() -> Roster<T> {
        Roster { entries: Vec::new(), positions: HashTable::new() }
    }
}

impl<T: OfSession> Roster<T> {
    pub(super) fn as_slice(&self) -> &[T] {
        &self.entries
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn position(&self, session: u32) -> Option<usize> {
        if !self.is_indexed() {
            return self.entries.iter().position(|entry| entry.session() == session);
        }
        let is_it = |position: &u32| self.entries[*position as usize].session() == session;
        self.positions.find(spread(session), is_it).map(|position| *position as usize)
    }

    /// Changes the entry at a position. It must stay the same session's.
    pub(super) fn set(&mut self, position: usize, entry: T) {
        debug_assert_eq!(self.entries[position].session(), entry.session());
        self.entries[position] = entry;
    }

    /// Adds an entry of a session that has none yet, at the end.
    pub(super) fn push(&mut self, entry: T) {
        debug_assert!(self.position(entry.session()).is_none(), "one entry per session");
        self.entries.push(entry);
        if self.is_indexed() {
            self.index_position(self.entries.len() - 1);
        } else if self.entries.len() > INDEXED_ABOVE {
            (0..self.entries.len()).for_each(|position| self.index_position(position));
        }
    }

    /// Takes an entry out; the last one takes its place.
    pub(super) fn swap_remove(&mut self, position: usize) -> T {
        self.swap(position, self.entries.len() - 1);
        if self.is_indexed() {
            self.unindex_last();
        }
        self.entries.pop().expect("the position was valid")
    }

    /// Exchanges two entries.
    pub(super) fn swap(&mut self, a: usize, b: usize) {
        if a == b {
            return;
        }
        if self.is_indexed() {
            let (at_a, at_b) = (self.entries[a].session(), self.entries[b].session());
            // Both are found before either is changed: a position names its session only through the list.
            self.repoint(at_a, a, u32::MAX);
            self.repoint(at_b, b, a as u32);
            self.repoint(at_a, u32::MAX as usize, b as u32);
        }
        self.entries.swap(a, b);
    }

    fn is_indexed(&self) -> bool {
        !self.positions.is_empty()
    }

    fn repoint(&mut self, session: u32, from: usize, to: u32) {
        let position = self.positions.find_mut(spread(session), |position| *position as usize == from);
        *position.expect("every entry of a long list is indexed") = to;
    }

    fn index_position(&mut self, position: usize) {
        let Roster { entries, positions } = self;
        let hash_of = |position: &u32| spread(entries[*position as usize].session());
        positions.insert_unique(spread(entries[position].session()), position as u32, hash_of);
    }

    /// Forgets the last entry's position, or all of them once the list is short.
    fn unindex_last(&mut self) {
        let last = self.entries.len() - 1;
        if last <= INDEXED_ABOVE / 2 {
            self.positions = HashTable::new();
            return;
        }
        let hash = spread(self.entries[last].session());
        let entry = self.positions.find_entry(hash, |position| *position as usize == last);
        entry.expect("every entry of a long list is indexed").remove();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl OfSession for (u32, u32) {
        fn session(&self) -> u32 {
            self.0
        }
    }

    fn apply(roster: &mut Roster<(u32, u32)>, model: &mut Vec<(u32, u32)>, op: (u8, u32, u32)) {
        let (kind, session, value) = op;
        let position = roster.position(session);
        assert_eq!(position, model.iter().position(|entry| entry.0 == session));
        match (kind, position) {
            (0..=2, None) => {
                roster.push((session, value));
                model.push((session, value));
            }
            (0..=2, Some(position)) => {
                roster.set(position, (session, value));
                model[position] = (session, value);
            }
            (3, Some(position)) => assert_eq!(roster.swap_remove(position), model.swap_remove(position)),
            (_, Some(position)) => {
                let other = value as usize % model.len();
                roster.swap(position, other);
                model.swap(position, other);
            }
            (_, None) => {}
        }
        assert_eq!(roster.as_slice(), &model[..]);
    }

    proptest! {
        /// Grows past the indexing bound and shrinks again, always the same as a plain list.
        #[test]
        fn behaves_as_a_plain_list(
            growth in prop::collection::vec((0u8..5, 0u32..60, any::<u32>()), 0..300),
            decline in prop::collection::vec((3u8..5, 0u32..60, any::<u32>()), 0..300),
        ) {
            let (mut roster, mut model) = (Roster::default(), Vec::new());
            for op in growth.into_iter().chain(decline) {
                apply(&mut roster, &mut model, op);
            }
        }
    }
}
