//! What is counted: the work between the start and the end of [`counted_work`], and nothing of its preparation.
//!
//! Owns the one function that callgrind looks for. Must never know what is measured.

use std::hint::black_box;

/// The name of the function that switches counting on and off, as a pattern for `--toggle-collect`.
pub(crate) const COUNTED: &str = "*counted_work*";

/// Whether the work is counted or done to warm up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pass {
    /// The first time: buffers and tables grow to their size.
    WarmUp,
    /// The second time.
    Counted,
}

impl Pass {
    /// Does `work`, counted in the second pass. May be called several times; the counts add up.
    pub(crate) fn count(self, mut work: impl FnMut()) {
        match self {
            Pass::WarmUp => work(),
            Pass::Counted => counted_work(&mut work),
        }
    }
}

/// Callgrind counts from the entry of this function to its return.
#[inline(never)]
fn counted_work(work: &mut dyn FnMut()) {
    work();
    // Something behind the call, so that it cannot become a jump out of this function.
    black_box(());
}
