//! Who may connect, publish and subscribe: a table, not a call.
//!
//! Owns the rules that hold without configuration: topics that begin with `$` belong to the server. Must never ask
//! anyone outside; verdicts from outside come in as inputs.

use crate::policy::ListenerPolicy;

/// Where bridges of mosquitto's kind publish whether they are connected.
const BRIDGE_STATES: &str = "$SYS/broker/connection/";

/// What a client is to this broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Client,
    /// A broker that bridges, as it says by bit 7 of its protocol level: it gets none of its own messages back, and RETAIN
    /// as published.
    Bridge,
}

/// What the table says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Allowed,
    Refused,
}

/// Whether a topic is one of those that not every client may publish to.
pub(crate) fn is_special(topic: &str) -> bool {
    topic.starts_with('$')
}

/// May a client publish to `topic`? To `$SYS` and `$share` never, but for the states of bridges; to other `$` topics only
/// where policy allows.
pub(crate) fn may_publish(topic: &str, role: Role, policy: &ListenerPolicy) -> Verdict {
    if !is_special(topic) {
        return Verdict::Allowed;
    }
    if topic.starts_with(BRIDGE_STATES) && (role == Role::Bridge || policy.bridge_states_allowed) {
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
            for role in [Role::Client, Role::Bridge] {
                let verdicts = (may_publish(topic, role, &closed), may_publish(topic, role, &open));
                assert_eq!(verdicts, (by_default, opened), "{topic}");
            }
        }
    }

    #[test]
    fn the_states_of_bridges_are_theirs() {
        let closed = ListenerPolicy::default();
        let open = ListenerPolicy { bridge_states_allowed: true, ..ListenerPolicy::default() };
        let state = "$SYS/broker/connection/a/state";
        assert_eq!(may_publish(state, Role::Bridge, &closed), Verdict::Allowed);
        assert_eq!(may_publish(state, Role::Client, &closed), Verdict::Refused);
        assert_eq!(may_publish(state, Role::Client, &open), Verdict::Allowed);
        assert_eq!(may_publish("$SYS/broker/connections", Role::Bridge, &open), Verdict::Refused);
    }
}
