//! Fuzzes encoders: packets near the largest and strings near the longest.
#![no_main]

use ringmq_fuzz::encode::{Input, check};

libfuzzer_sys::fuzz_target!(|input: Input| check(&input));
