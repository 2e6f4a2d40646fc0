//! A list that grows page by page.
//!
//! Owns the pages. Must never know what is in them. A `Vec` that grows copies everything and, for a while or for good,
//! holds the old room beside the new: with a million sessions that doubles what each of them costs. Here nothing
//! moves, and at most one page is empty.

use std::ops::{Index, IndexMut};

/// Entries of a page: enough that the list of pages stays short, few enough that a page is an ordinary allocation.
const PAGE_LEN: usize = 128;

/// Entries by number, from 0.
#[derive(Debug)]
pub struct Pages<T> {
    /// All full but the last.
    pages: Vec<Vec<T>>,
}

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages { pages: Vec::new() }
    }
}

impl<T> Pages<T> {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.pages.last().map_or(0, |last| (self.pages.len() - 1) * PAGE_LEN + last.len())
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// Adds an entry behind the others; returns its number.
    pub fn push(&mut self, entry: T) -> usize {
        match self.pages.last_mut() {
            Some(last) if last.len() < PAGE_LEN => last.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE_LEN);
                page.push(entry);
                self.pages.push(page);
            }
        }
        self.len() - 1
    }

    /// Entry `index`, if there are so many.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.pages.get(index / PAGE_LEN)?.get(index % PAGE_LEN)
    }

    /// Entry `index`, to be changed.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.pages.get_mut(index / PAGE_LEN)?.get_mut(index % PAGE_LEN)
    }

    /// All entries, by number.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.pages.iter().flatten()
    }
}

impl<T> Index<usize> for Pages<T> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        &self.pages[index / PAGE_LEN][index % PAGE_LEN]
    }
}

impl<T> IndexMut<usize> for Pages<T> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.pages[index / PAGE_LEN][index % PAGE_LEN]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_keep_their_numbers_and_their_places() {
        let mut pages = Pages::default();
        assert!(pages.is_empty());
        assert_eq!(pages.push(0), 0);
        let first: *const usize = &pages[0];
        for number in 1..3 * PAGE_LEN + 1 {
            assert_eq!(pages.push(number), number);
        }
        assert_eq!(pages.len(), 3 * PAGE_LEN + 1);
        assert!(pages.iter().copied().eq(0..pages.len()));
        assert_eq!((pages.get(PAGE_LEN), pages.get(pages.len())), (Some(&PAGE_LEN), None));
        assert!(std::ptr::eq(first, &pages[0]));
        pages[PAGE_LEN - 1] = 7;
        assert_eq!(pages.get_mut(PAGE_LEN - 1), Some(&mut 7));
    }
}
