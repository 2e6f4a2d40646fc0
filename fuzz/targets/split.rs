//! Fuzzes a whole connection: any bytes, cut in several ways.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ringmq_fuzz::split::check(bytes));
