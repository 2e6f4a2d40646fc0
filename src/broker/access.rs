//! Who may connect, publish and subscribe: a table, not a call.
//!
//! Owns the rules that hold without configuration: topics that begin with `$` belong to the server. Must never ask
//! anyone outside; verdicts from outside come in as inputs.

use crate::policy::ListenerPolicy;

/// What the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Allowed,
    Refused,
}

/// May a client publish to `topic`? `$SYS` and `$share` never; other `$` topics only where policy allows.
pub(crate) fn may_publish(topic: &str, policy: &ListenerPolicy) -> Verdict {
    if !topic.starts_with('$') {
        return Verdict::Allowed;
    }
    let first_level = topic.split('/').next().unwrap_or(topic);
    let reserved = matches!(first_level, "$SYS" | "$share");
    if policy.dollar_topics_allowed && !reserved { Verdict::Allowed } else { Verdict::Refused }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollar_topics_are_the_servers() {
        let closed = ListenerPolicy::default();
        let open = ListenerPolicy { dollar_topics_allowed: true, ..ListenerPolicy::default() };
        for (topic, by_default, opened) in [
            ("a/$SYS", Verdict::Allowed, Verdict::Allowed),
            ("$SYS/broker", Verdict::Refused, Verdict::Refused),
            ("$SYS", Verdict::Refused, Verdict::Refused),
            ("$share/g/a", Verdict::Refused, Verdict::Refused),
            ("$edge/a", Verdict::Refused, Verdict::Allowed),
            ("$", Verdict::Refused, Verdict::Allowed),
        ] {
            assert_eq!(
                (may_publish(topic, &closed), may_publish(topic, &open)),
                (by_default, opened),
                "{topic}"
            );
        }
    }
}
