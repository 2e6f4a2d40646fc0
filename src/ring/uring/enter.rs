//! Entering the ring: submitting, looking out or sleeping, and collecting what has completed.
//!
//! Owns the order of these steps. Must never know what an entry is for.

use std::io;

use super::Uring;
use crate::handler::Wait;
use crate::state::State;
use crate::wake::Sleep;

/// Consecutive enters that may leave entries unsubmitted before the ring is given up.
const SUBMIT_TRIES_MAX: u32 = 10_000;

impl Uring {
    /// Enters the ring until every entry is submitted, and collects the completions. Before it sleeps it may look out.
    pub(super) fn enter(&mut self, state: &mut State, wait: Wait) -> io::Result<()> {
        self.buffers().publish();
        let may_block = wait == Wait::ForOne && !state.busy;
        if may_block && state.may_look_out() {
            self.exchange(state, 0)?;
            if !self.completions.is_empty() {
                return Ok(());
            }
            let ring = &mut self.ring;
            if state.look_out(|| io::Result::Ok(ring.has_news()))? {
                return self.exchange(state, 0);
            }
        }
        let may_block = may_block && state.sleeper.fall_asleep(Sleep::Network);
        self.exchange(state, u32::from(may_block))
    }

    /// Submits every entry, waits until `wait` completions are there, and collects all that are.
    fn exchange(&mut self, state: &mut State, wait: u32) -> io::Result<()> {
        let mut result = self.ring.submit_and_wait(wait);
        self.collect(state);
        let mut tries = 0;
        while result.is_ok() && (!self.ring.all_submitted() || self.overflowed(state)) {
            // The sends of this turn are settled on the promise that all of them were submitted and all failures seen.
            // A full completion queue ends multishot receives, so that what overflows is bounded by the sockets.
            tries += 1;
            if tries > SUBMIT_TRIES_MAX {
                self.ring.give_up();
                return Err(io::Error::other("the kernel does not take the submission queue"));
            }
            result = self.ring.submit_and_wait(0);
            self.collect(state);
        }
        result
    }

    fn overflowed(&mut self, state: &mut State) -> bool {
        let overflowed = self.ring.overflowed();
        state.stats.completions_overflowed += u64::from(overflowed);
        overflowed
    }

    fn collect(&mut self, state: &mut State) {
        // Bounded by the completion queue: with DEFER_TASKRUN it grows only while the ring is entered.
        while self.ring.reap(&mut self.completions) > 0 {}
        state.stats.system_calls = self.ring.enter_count();
    }
}
