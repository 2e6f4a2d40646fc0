//! Fuzzes whole sessions: what several clients do, in any order, to a broker of several shards.
#![no_main]

use ringmq_fuzz::session_ops::{Input, check};

libfuzzer_sys::fuzz_target!(|input: Input| check(&input));
