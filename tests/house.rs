//! The rules of docs/ARCHITECTURE.md and docs/STYLE.md as tests: what may depend on what, which words and which
//! packages may appear where, and how large things may grow.

fn main() {}
