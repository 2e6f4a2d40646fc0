//! What the tool says of its own command line.

use clap::CommandFactory;

use super::*;

/// The help of a command by its name, long and short.
fn help(name: &str) -> [String; 2] {
    let mut whole = CommandLine::command();
    whole.build();
    let command = whole.find_subcommand_mut(name).unwrap();
    [command.render_help(), command.render_long_help()].map(|help| help.to_string())
}

/// What stands in braces.
fn places(text: &str) -> Vec<&str> {
    text.split('{').skip(1).map(|rest| rest.split_once('}').map_or(rest, |(name, _)| name)).collect()
}

#[test]
fn the_command_line_is_consistent() {
    CommandLine::command().debug_assert();
}

#[test]
fn places_in_braces_reach_the_reader_of_every_help() {
    let names: Vec<String> =
        CommandLine::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    let mut found = Vec::new();
    for name in &names {
        for help in help(name) {
            let here = places(&help);
            let is_known = |place: &&str| ["run", "client", "n", "port"].contains(place);
            assert!(here.iter().all(is_known), "{name}: {here:?}\n{help}");
            found.extend(here.into_iter().map(str::to_owned));
        }
    }
    for place in ["run", "client", "n", "port"] {
        assert!(found.iter().any(|found| found == place), "no help tells of {place}");
    }
}

/// The words of a line as a shell would split it, without what it would do beyond that.
fn typed(line: &str) -> Vec<String> {
    let line = line.split(" > ").next().unwrap_or(line).replace("$PID", "1");
    shlex::split(&line).unwrap()
}

#[test]
fn every_help_has_examples_that_can_be_typed() {
    for command in CommandLine::command().get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let told = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples = told.strip_prefix("Examples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
        assert!(examples.lines().count() > 0, "{name}");
        for line in examples.lines() {
            let parsed = CommandLine::try_parse_from(typed(line.trim()));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }
}

#[test]
fn the_help_of_a_topic_is_whole() {
    for name in ["fan-in", "fan-out", "pairs", "shared", "retained", "request-response", "reconnect", "pub"] {
        for help in help(name) {
            let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
            let told = "The topic, with the places {run}, {client} (number of the publisher, or of the addressee) and {n} (number \
                        of the message): fleet/{client}/{n}. Without it, PREFIX/{run}/{client}";
            assert!(words.contains(told), "{name}: {help}");
        }
    }
}
