//! The tests that span floors: what they share.
//!
//! | module | is |
//! | --- | --- |
//! | [`simulator`] | a world of shards, clients and an oracle, all of it seeded and without a clock |

pub mod simulator;
