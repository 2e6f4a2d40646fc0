//! The plain subscriptions of one session, by the numbers of their filters.
//!
//! Owns the list. Must never know the filters' texts. Most devices have one subscription, which takes no heap memory.

use crate::topics::FilterId;

/// Numbers of filters, in no order that means anything.
#[derive(Debug, Default)]
pub(crate) enum Filters {
    #[default]
    None,
    One(FilterId),
    #[allow(clippy::box_collection)] // One word instead of three: a session is small.
    Many(Box<Vec<FilterId>>),
}

impl Filters {
    pub(crate) fn len(&self) -> usize {
        match self {
            Filters::None => 0,
            Filters::One(_) => 1,
            Filters::Many(many) => many.len(),
        }
    }

    /// Adds one that is not there.
    pub(crate) fn push(&mut self, id: FilterId) {
        match self {
            Filters::None => *self = Filters::One(id),
            Filters::One(one) => *self = Filters::Many(Box::new(vec![*one, id])),
            Filters::Many(many) => many.push(id),
        }
    }

    /// Takes one out, if it is there.
    pub(crate) fn remove(&mut self, id: FilterId) {
        match self {
            Filters::One(one) if *one == id => *self = Filters::None,
            Filters::None | Filters::One(_) => {}
            Filters::Many(many) => {
                many.retain(|&held| held != id);
                if let [one] = many[..] {
                    *self = Filters::One(one);
                }
            }
        }
    }

    /// All of them, to look at.
    pub(crate) fn as_slice(&self) -> &[FilterId] {
        match self {
            Filters::None => &[],
            Filters::One(one) => std::slice::from_ref(one),
            Filters::Many(many) => many,
        }
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<FilterId> {
        match self {
            Filters::None => Vec::new(),
            Filters::One(one) => vec![one],
            Filters::Many(many) => *many,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topics::{Subscriber, SubscriptionOptions, Subscriptions};

    fn ids() -> Vec<FilterId> {
        let mut subscriptions = Subscriptions::new(foldhash::fast::FixedState::with_seed(1));
        let subscriber = Subscriber { session: 0, identifier: 0, options: SubscriptionOptions::default() };
        ["a", "b", "c"].map(|filter| subscriptions.insert(filter, subscriber).id).into()
    }

    #[test]
    fn it_holds_what_was_added_and_not_removed() {
        let ids = ids();
        let mut filters = Filters::default();
        ids.iter().for_each(|&id| filters.push(id));
        filters.remove(ids[1]);
        assert_eq!(filters.len(), 2);
        filters.remove(ids[1]);
        filters.remove(ids[0]);
        assert!(matches!(filters, Filters::One(one) if one == ids[2]));
        filters.remove(ids[0]);
        assert_eq!(std::mem::take(&mut filters).into_vec(), [ids[2]]);
        filters.push(ids[0]);
        filters.remove(ids[0]);
        assert_eq!(filters.len(), 0);
    }
}
