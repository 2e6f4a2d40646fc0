//! Fuzzes packets: any bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ringmq_fuzz::decode::check(bytes));
