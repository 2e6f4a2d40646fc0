//! Topic names and topic filters as text, section 4.7.
//!
//! Owns which texts are valid and what matches what. Must never know who subscribed. Matching here is the
//! plain reference that faster indexes are checked against.

/// What a shared filter begins with [MQTT-4.8.2-1].
pub const SHARE_PREFIX: &str = "$share/";

/// Most bytes of a topic name or filter [MQTT-4.7.3-3].
pub const TOPIC_BYTES_MAX: usize = 65_535;

/// Whether a text may be published to: 1 to 65,535 bytes [MQTT-4.7.3-1], no wildcard [MQTT-4.7.0-1], no
/// U+0000 [MQTT-4.7.3-2].
pub fn is_valid_topic(topic: &str) -> bool {
    !topic.is_empty() && topic.len() <= TOPIC_BYTES_MAX && is_plain(topic)
}

/// Whether a text has neither wildcard nor U+0000. Runs once for every PUBLISH, so it looks at sixteen bytes
/// at a time, which compiles to vector instructions.
pub(crate) fn is_plain(text: &str) -> bool {
    let (chunks, rest) = text.as_bytes().as_chunks::<16>();
    chunks.iter().all(|chunk| all_plain(chunk)) && all_plain(rest)
}

#[inline]
fn all_plain(bytes: &[u8]) -> bool {
    let special = |b: u8| u8::from(b == b'+') | u8::from(b == b'#') | u8::from(b == 0);
    bytes.iter().fold(0, |found, &b| found | special(b)) == 0
}

/// Whether a text is a filter: 1 to 65,535 bytes, no U+0000, `#` alone in the last level [MQTT-4.7.1-1], `+`
/// alone in its level [MQTT-4.7.1-2]. `$share/` has no meaning here: [`Filter::parse`] knows it.
pub fn is_valid_filter(filter: &str) -> bool {
    if filter.is_empty() || filter.len() > TOPIC_BYTES_MAX || filter.contains('\0') {
        return false;
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let valid = match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            _ => !has_wildcard(level),
        };
        if !valid {
            return false;
        }
    }
    true
}

/// Whether a valid filter matches a valid topic name. The texts are compared byte by byte [MQTT-4.7.3-4]; a
/// filter that begins with a wildcard matches no name that begins with `$` [MQTT-4.7.2-1].
///
/// ```
/// use ringmq_protocol::matches;
///
/// assert!(matches("sensors/+/air", "sensors/attic/air"));
/// assert!(matches("sensors/#", "sensors"), "the parent level too");
/// assert!(!matches("sensors/+", "sensors/attic/air"));
/// assert!(!matches("#", "$SYS/broker/uptime"));
/// ```
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    // Levels are short: looking at each byte is quicker than searching for the next separator.
    let mut names = topic.as_bytes().split(|&byte| byte == b'/');
    for level in filter.as_bytes().split(|&byte| byte == b'/') {
        match (level, names.next()) {
            (b"#", _) => return true,
            (b"+", Some(_)) => {}
            (level, Some(name)) if level == name => {}
            _ => return false,
        }
    }
    names.next().is_none()
}

/// Levels of a topic name or filter: one more than it has `/`.
pub fn level_count(text: &str) -> usize {
    1 + text.bytes().filter(|&b| b == b'/').count()
}

fn has_wildcard(text: &str) -> bool {
    text.bytes().any(|b| matches!(b, b'+' | b'#'))
}

/// A filter as a client writes it, taken apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Filter<'a> {
    /// The share name of `$share/name/filter`; `None` for a plain filter.
    pub share: Option<&'a str>,
    /// What topic names are matched with.
    pub filter: &'a str,
}

impl<'a> Filter<'a> {
    /// Takes a filter apart; `None` if it is not valid, be it shared [MQTT-4.8.2-1], [MQTT-4.8.2-2] or plain.
    pub fn parse(text: &'a str) -> Option<Filter<'a>> {
        let (share, filter) = match text.strip_prefix(SHARE_PREFIX) {
            Some(rest) => {
                let (name, filter) = rest.split_once('/')?;
                (Some(name), filter)
            }
            None => (None, text),
        };
        let valid_share =
            share.is_none_or(|name| !name.is_empty() && !has_wildcard(name) && !name.contains('\0'));
        (valid_share && text.len() <= TOPIC_BYTES_MAX && is_valid_filter(filter))
            .then_some(Filter { share, filter })
    }

    /// Whether the part behind the share name has a wildcard.
    pub fn has_wildcard(&self) -> bool {
        has_wildcard(self.filter)
    }
}

#[cfg(test)]
mod tests;
