use super::*;

/// [MQTT-4.7.3-1], [MQTT-4.7.0-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3].
#[test]
fn topic_names() {
    for topic in ["a", "/", "a//b", "/a", "a/", "$SYS/x", " ", "\u{FEFF}a", "a\u{1}"] {
        assert!(is_valid_topic(topic), "{topic:?}");
    }
    for topic in ["", "+", "#", "a/+", "a/#/b", "a+", "a\0b"] {
        assert!(!is_valid_topic(topic), "{topic:?}");
    }
    assert!(is_valid_topic(&"x".repeat(65_535)));
    assert!(!is_valid_topic(&"x".repeat(65_536)));
}

/// [MQTT-4.7.1-1], [MQTT-4.7.1-2], [MQTT-4.7.3-1], [MQTT-4.7.3-2], [MQTT-4.7.3-3].
#[test]
fn topic_filters() {
    for filter in ["a", "/", "+", "#", "+/+", "/+", "a/#", "a/+/b", "+/#", "//#", "$SYS/#", "a//"] {
        assert!(is_valid_filter(filter), "{filter:?}");
    }
    for filter in ["", "a#", "#a", "a/#/b", "#/", "#/a", "##", "a+", "+a", "a/+b/c", "++", "+#", "a\0", "\0"]
    {
        assert!(!is_valid_filter(filter), "{filter:?}");
    }
    assert!(is_valid_filter(&"/".repeat(65_535)));
    assert!(!is_valid_filter(&"/".repeat(65_536)));
}

#[test]
fn filters_that_match() {
    for (filter, topic) in [
        ("a/b", "a/b"),
        ("a/#", "a"),
        ("a/#", "a/"),
        ("a/#", "a/b/c"),
        ("#", "a/b"),
        ("#", "/"),
        ("+", "a"),
        ("a/+", "a/"),
        ("a/+", "a/b"),
        ("+/+", "/a"),
        ("/+", "/a"),
        ("+/b/#", "a/b"),
        ("$SYS/#", "$SYS/x"),
        ("$SYS/+/x", "$SYS/a/x"),
        ("a/+", "a/$x"),
        ("\u{FEFF}a", "\u{FEFF}a"),
    ] {
        assert!(matches(filter, topic), "{filter:?} {topic:?}");
    }
}

/// [MQTT-4.7.3-4] nothing is folded or trimmed; [MQTT-4.7.2-1] wildcards in front do not see `$` names.
#[test]
fn filters_that_do_not_match() {
    for (filter, topic) in [
        ("a/+", "a"),
        ("+", "/a"),
        ("+", "a/b"),
        ("a/b", "a"),
        ("a", "a/b"),
        ("a", "A"),
        ("a", "a/"),
        ("a/b", "a//b"),
        ("a/#", "ab"),
        ("a/b/#", "a"),
        ("#", "$SYS/x"),
        ("+/x", "$SYS/x"),
        ("+", "$SYS"),
        ("a", "\u{FEFF}a"),
        ("\u{E9}", "e\u{301}"),
    ] {
        assert!(!matches(filter, topic), "{filter:?} {topic:?}");
    }
}

#[test]
fn levels_are_counted_with_the_empty_ones() {
    for (text, count) in [("a", 1), ("/", 2), ("a/b", 2), ("//", 3), ("", 1), ("$share/g/a", 3)] {
        assert_eq!(level_count(text), count, "{text:?}");
    }
}

/// [MQTT-4.8.2-1], [MQTT-4.8.2-2].
#[test]
fn shared_filters() {
    for (text, share, filter) in [
        ("$share/g/a/b", Some("g"), "a/b"),
        ("$share/g//a", Some("g"), "/a"),
        ("$share/g/#", Some("g"), "#"),
        ("$share/$g/+", Some("$g"), "+"),
        ("$share", None, "$share"),
        ("$shared/g/a", None, "$shared/g/a"),
        ("$SHARE/g/a", None, "$SHARE/g/a"),
        ("a/$share/b", None, "a/$share/b"),
    ] {
        assert_eq!(Filter::parse(text), Some(Filter { share, filter }), "{text:?}");
    }
    for text in [
        "$share/",
        "$share//a",
        "$share/g",
        "$share/g/",
        "$share/g+/a",
        "$share/#/a",
        "$share/g/a#",
        "",
        "$share/g\0/a",
    ] {
        assert_eq!(Filter::parse(text), None, "{text:?}");
    }
}

#[test]
fn a_wildcard_in_the_filter_itself() {
    for (text, wildcard) in
        [("a/+", true), ("#", true), ("a", false), ("$share/g/a", false), ("$share/g/+/a", true)]
    {
        assert_eq!(Filter::parse(text).unwrap().has_wildcard(), wildcard, "{text:?}");
    }
}

proptest::proptest! {
    #![proptest_config(crate::testing::config())]

    /// A filter made of a name by putting `+` for some levels, or `#` for the last ones, matches that name
    /// unless it begins with a wildcard and the name with `$`.
    #[test]
    fn filters_made_of_a_name_match_it(
        levels in proptest::collection::vec(("[a-z$]{0,3}", proptest::bool::ANY), 1..6),
        cut in proptest::option::of(0..6_usize),
    ) {
        let topic = levels.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join("/");
        let mut made: Vec<_> = levels.iter().map(|(name, plus)| if *plus { "+" } else { name }).collect();
        if let Some(cut) = cut.filter(|&cut| cut <= made.len()) {
            made.truncate(cut);
            made.push("#");
        }
        let filter = made.join("/");
        proptest::prop_assume!(!topic.is_empty() && !filter.is_empty());
        let hidden = topic.starts_with('$') && filter.starts_with(['+', '#']);
        proptest::prop_assert!(is_valid_topic(&topic) && is_valid_filter(&filter));
        proptest::prop_assert_eq!(matches(&filter, &topic), !hidden, "{:?} {:?}", filter, topic);
        let longer = topic + "x/y";
        proptest::prop_assert!(!matches(&filter, &longer) || made.last() == Some(&"#"));
    }
}
