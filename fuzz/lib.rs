//! What the fuzz targets check, as functions of an input.
//!
//! | module | is |
//! | --- | --- |
//! | [`decode`] | bytes to packets and back, in every version |
//! | [`encode`] | packets and strings about as large as they may be |
//! | [`session_ops`] | several clients of a broker of several shards |
//! | [`split`] | one byte stream, cut into pieces in several ways |
//! | [`filter_match`] | the topic tables against lists |
//!
//! `janitor` is the client that erases what the others had retained.
//!
//! The files in `targets` only hand the fuzzer's bytes on, so that a finding can be repeated by an ordinary test.

pub mod decode;
pub mod encode;
pub mod filter_match;
mod janitor;
pub mod session_ops;
pub mod split;
