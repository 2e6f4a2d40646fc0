//! Fuzzes the topic tables: what is subscribed, routed and retained, and what a topic or filter then finds.
#![no_main]

use ringmq_fuzz::filter_match::{Input, check};

libfuzzer_sys::fuzz_target!(|input: Input| check(input));
