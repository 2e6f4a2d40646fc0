//! The rules of docs/ARCHITECTURE.md and docs/STYLE.md as tests: what may depend on what, which words and which
//! packages may appear where, how large things may grow, and that the documentation speaks of what is there.
//!
//! Each rule is a file of `house/`, with its table of what is allowed on top; a failure names file, line and remedy.
//! Must never know what the code does.

mod house {
    mod citations;
    mod documents;
    mod findings;
    mod licences;
    mod manifests;
    mod modules;
    mod names;
    mod packages;
    mod prose;
    mod purity;
    mod rust;
    mod sizes;
    mod survey;
    mod tree;
}
