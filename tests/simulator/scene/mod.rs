//! Scenes: what clients send and are sent, as text.

pub mod text;
pub mod transcript;
