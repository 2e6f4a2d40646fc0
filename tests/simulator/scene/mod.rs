//! Scenes: what clients send and are sent, as text.
//!
//! | module | is |
//! | --- | --- |
//! | [`text`], [`words`] | packets as words, and back |
//! | [`play`] | a scene carried out, with the lines it may have |
//! | [`transcript`] | what happened in a run, written as a scene |

pub mod play;
pub mod text;
pub mod transcript;
pub mod words;
