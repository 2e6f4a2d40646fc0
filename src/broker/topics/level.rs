//! The text of one topic level, kept in place when short.
//!
//! Owns nothing but the bytes. Most levels are a few bytes long, and a trie compares one at every step: kept in the
//! node itself, the text costs no allocation and no second cache line.

const INLINE_MAX: usize = 22;

/// Text of one level, 24 bytes wide, allocated only above 22 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LevelText {
    /// The first `len` of `bytes`.
    Short { len: u8, bytes: [u8; INLINE_MAX] },
    /// More than fits in place.
    Long(Box<[u8]>),
}

impl LevelText {
    pub(super) const EMPTY: LevelText = LevelText::Short { len: 0, bytes: [0; INLINE_MAX] };

    pub(super) fn new(level: &str) -> LevelText {
        if level.len() > INLINE_MAX {
            return LevelText::Long(level.as_bytes().into());
        }
        let mut bytes = [0; INLINE_MAX];
        bytes[..level.len()].copy_from_slice(level.as_bytes());
        LevelText::Short { len: level.len() as u8, bytes }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            LevelText::Short { len, bytes } => &bytes[..usize::from(*len)],
            LevelText::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_levels_keep_their_text_in_24_bytes() {
        assert_eq!(size_of::<LevelText>(), 24);
        for len in 0..60 {
            let level = "x".repeat(len);
            let text = LevelText::new(&level);
            assert_eq!(text.as_bytes(), level.as_bytes());
            assert_eq!(matches!(text, LevelText::Long(_)), len > INLINE_MAX);
        }
    }
}
