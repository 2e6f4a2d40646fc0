//! Tests and the statements they prove, tied together by the macro that makes the test.
//!
//! Owns the form of a proof. A function that is not listed is dead code and does not compile without a warning; a
//! listed one is a test; so the table that is printed from the lists cannot differ from what is run.

use crate::trial::{Trial, Variation};
use crate::wire::Version;

/// A test and what it proves.
pub(crate) struct Proof {
    pub(crate) area: &'static str,
    pub(crate) test: &'static str,
    /// Statement identifiers.
    pub(crate) ids: &'static [&'static str],
    pub(crate) body: fn(&Trial),
}

impl Proof {
    /// Runs the body in each version that it proves something of, under every variation.
    pub(crate) fn run(&self) {
        for version in self.versions() {
            for variation in Variation::ALL {
                (self.body)(&Trial::new(version, variation));
            }
        }
    }

    /// 3.1.1 if a statement of 3.1.1 is proved; 5.0 if any other is.
    fn versions(&self) -> Vec<Version> {
        let (mut has_old, mut has_new) = (false, false);
        for id in self.ids {
            let is_old = id.starts_with("311:");
            has_old |= is_old;
            has_new |= !is_old;
        }
        let wanted = [(has_old, Version::V311), (has_new, Version::V5)];
        wanted.into_iter().filter_map(|(is_wanted, version)| is_wanted.then_some(version)).collect()
    }
}

/// Makes a test of each listed function `fn(&Trial)` of a module, and `PROOFS`, the list of them with what they prove.
macro_rules! proofs {
    ($($test:ident: $($id:literal),+;)*) => {
        /// The tests of this file.
        pub(crate) const PROOFS: &[$crate::registry::Proof] = &[$($crate::registry::Proof {
            area: module_path!(),
            test: stringify!($test),
            ids: &[$($id),+],
            body: $test,
        }),*];

        mod trial {
            $(#[test]
            fn $test() {
                let proof = super::PROOFS.iter().find(|proof| proof.test == stringify!($test));
                proof.expect("every test is in the list it was made from").run();
            })*
        }
    };
}

pub(crate) use proofs;
