//! What other shards ask about retained messages and was not answered yet.
//!
//! Owns the questions that wait, whose turn is next, and how much may still be looked at in this turn. Must never know the
//! retained store. A session waits for one answer at most. So one question is kept for each place of a session on another
//! shard, the newest, and their number needs no other bound: nobody waits for the answer to one that is replaced, as its
//! subscription, or its session, has ended.

use std::collections::{BTreeMap, VecDeque};

use crate::letter::RetainedQuestion;
use crate::seed::ShardId;

/// The place of a session, on the shard that asks.
type Asker = (ShardId, u32);

/// Questions about retained messages.
#[derive(Debug)]
pub(crate) struct Questions {
    waiting: BTreeMap<Asker, Box<RetainedQuestion>>,
    /// Who waits, in the order in which they are answered.
    turns: VecDeque<Asker>,
    /// Topics that may be looked at in a turn, and how many of them are left.
    looked_at_max: usize,
    left: usize,
}

impl Questions {
    pub(crate) fn new(looked_at_max: usize) -> Questions {
        let looked_at_max = looked_at_max.max(1);
        Questions { waiting: BTreeMap::new(), turns: VecDeque::new(), looked_at_max, left: looked_at_max }
    }

    /// Topics that may still be looked at before others get their turn.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Whether nothing is answered now: a timer is set for going on. Else nothing waits.
    pub(crate) fn is_paused(&self) -> bool {
        self.left == 0
    }

    /// So many topics were looked at for a question. One that finds none to look at counts as well.
    pub(crate) fn looked_at(&mut self, topics: usize) {
        self.left = self.left.saturating_sub(topics.max(1));
    }

    /// The pause is over.
    pub(crate) fn go_on(&mut self) {
        self.left = self.looked_at_max;
    }

    /// Lets a question wait behind the others, or in the turn of the one that it replaces.
    pub(crate) fn push(&mut self, from: ShardId, question: Box<RetainedQuestion>) {
        let asker = (from, question.read.session.index());
        if self.waiting.insert(asker, question).is_none() {
            self.turns.push_back(asker);
        }
    }

    /// Takes the question that is to be answered next, and who asks.
    pub(crate) fn pop(&mut self) -> Option<(ShardId, Box<RetainedQuestion>)> {
        let asker = self.turns.pop_front()?;
        Some((asker.0, self.waiting.remove(&asker)?))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.turns.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letter::ReadId;
    use crate::slab::{Slab, SlotId};

    fn question(session: SlotId, number: u32) -> Box<RetainedQuestion> {
        let read = ReadId { session, number };
        Box::new(RetainedQuestion { read, filter: "#".into(), after: None })
    }

    fn pop(questions: &mut Questions) -> Option<(ShardId, u32)> {
        questions.pop().map(|(from, question)| (from, question.read.number))
    }

    /// Shards that ask at the same time have sessions at the same places.
    #[test]
    fn one_question_waits_for_each_place_of_a_session() {
        let mut slab = Slab::default();
        let [a, b] = [(); 2].map(|()| slab.insert(()));
        let mut questions = Questions::new(1);
        for (from, session, number) in [(1, a, 1), (1, b, 2), (2, a, 3), (1, a, 4)] {
            questions.push(from, question(session, number));
        }
        slab.remove(b);
        let same_place = slab.insert(());
        assert_ne!(same_place, b);
        questions.push(1, question(same_place, 5));
        assert_eq!(questions.len(), 3);
        // What was replaced keeps its turn: asking again gains and loses nothing.
        let order = [(); 4].map(|()| pop(&mut questions));
        assert_eq!(order, [Some((1, 4)), Some((1, 5)), Some((2, 3)), None]);
    }

    #[test]
    fn a_turn_is_over_when_so_many_topics_were_looked_at() {
        let mut questions = Questions::new(3);
        // Even a question that finds nothing takes its time.
        questions.looked_at(0);
        assert_eq!((questions.left(), questions.is_paused()), (2, false));
        questions.looked_at(7);
        assert_eq!((questions.left(), questions.is_paused()), (0, true));
        questions.go_on();
        assert_eq!((questions.left(), questions.is_paused()), (3, false));
    }
}
