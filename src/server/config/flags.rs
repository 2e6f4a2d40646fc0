//! Values from the command line. They pass through the same table of keys as those of a file, so that a range
//! is told in the same words wherever it is broken.

use super::draft::Draft;
use super::fault::Place;
use super::listen::ListenUrl;

/// What the command line says about the configuration, in the order in which it is applied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    /// `--listen`: takes the place of all listeners of the file, if not empty.
    pub(crate) listen: Vec<ListenUrl>,
    /// Flags that stand for one key: the flag, the key, the value.
    pub(crate) named: Vec<(&'static str, &'static str, String)>,
    /// `--set KEY=VALUE`: the key, the value.
    pub(crate) set: Vec<(String, String)>,
}

impl Flags {
    /// Puts the values into the draft; what is wrong is noted there.
    pub(super) fn apply(&self, draft: &mut Draft) {
        for (flag, key, value) in &self.named {
            draft.set_from_flag(Place::Flag(flag), key, value);
        }
        for (key, value) in &self.set {
            draft.set_from_flag(Place::Flag("--set"), key, value);
        }
        if !self.listen.is_empty() {
            draft.listen_at(&Place::Flag("--listen"), &self.listen);
        }
    }
}
