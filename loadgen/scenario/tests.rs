//! Scenarios as files, their defaults, their digest and what is refused.

use clap::Parser;

use crate::cli::{Command, CommandLine};

use super::*;

const SMALL: &str = "
name = 'small'
clients = [{ name = 'p', count = 2 }, { name = 's', count = 3, session = 'persistent' }]
stages = [{ stage = 'ramp', rate_per_s = 100.0 }, { stage = 'publish', span = '10s' }, { stage = 'drain' }]

[[flows]]
name = 'f'
from = 'p'
to = 's'
pace = { kind = 'constant', rate_per_s = 50.0 }
payload = '16..64'
";

pub(crate) fn typed(line: &str) -> Result<Scenario, String> {
    let words = ["ringmq-bench"].into_iter().chain(line.split_whitespace());
    let Command::Load(workload) = CommandLine::try_parse_from(words).unwrap().command else { unreachable!() };
    from_workload(&workload)
}

#[test]
fn defaults_are_filled_in_and_the_whole_can_be_read_again() {
    let scenario = Scenario::from_toml(SMALL).unwrap();
    let flow = &scenario.flows[0];
    assert_eq!((flow.qos, flow.subscribe_qos, flow.topic.as_str()), (1, Some(1), "bench/{run}/{client}"));
    assert_eq!(scenario.clients[0].client_id, "rb{run}{group}{client}");
    assert_eq!(scenario.drain, Span(5 * SECOND));
    assert_eq!(Scenario::from_toml(&scenario.to_toml()), Ok(scenario.clone()));
    let json = serde_json::to_string(&scenario).unwrap();
    assert_eq!(serde_json::from_str::<Scenario>(&json).unwrap(), scenario);
}

#[test]
fn the_mixed_workload_has_the_clients_and_the_rate_asked_for() {
    let mixed = typed("mixed -n 1000 --rate 4410 --keep-alive 7").unwrap();
    assert!((999..=1001).contains(&mixed.client_count()), "each kind is rounded: {}", mixed.client_count());
    let rates: Vec<_> =
        mixed.flows.iter().filter_map(|flow| flow.pace.rate_per_s()).map(f64::round).collect();
    assert_eq!(rates, [4000.0, 400.0, 10.0]);
    assert!(mixed.clients.iter().all(|group| group.keep_alive_s == 7));
    assert_eq!(mixed.flows[1].topic, "bench/{run}/calls/{client}");
    let smallest = typed("mixed -n 7 --topic-depth 5").unwrap();
    assert!(smallest.clients.iter().all(|group| group.count > 0));
    assert_eq!(smallest.flows[0].topic, "bench/{run}/readings/l4/{client}");
}

#[test]
fn requests_have_sides_of_their_own_names() {
    let scenario = typed("request-response -p 3 -s 2").unwrap();
    let clients: Vec<_> = scenario.clients.iter().map(|group| (&*group.name, group.count)).collect();
    assert_eq!(clients, [("requesters", 3), ("responders", 2)]);
    assert_eq!(
        (scenario.flows[0].from.as_deref(), scenario.flows[0].to.as_deref()),
        (Some("requesters"), Some("responders"))
    );
}

#[test]
fn every_workload_of_the_command_line_is_a_scenario_that_can_be_written_down() {
    for line in [
        "fan-in -p 3 -s 2 -q 2 --rate 20k --duration 3s",
        "fan-out --window 5 -m 100",
        "pairs --pairs 4 --session persistent",
        "shared --group g",
        "retained --topics 10",
        "request-response -p 3 -s 2 --poisson --rate 10",
        "reconnect -p 3 --session persistent --share 0.5",
        "fan-in --steps 1k:1s,2k:1s --payload 16..99 --topic fleet/{client}/{n}",
        "fan-in --bursts 10:1s --topic-depth 5",
        "mixed -n 70 --rate 500 --topic-prefix x --topic-depth 6 -d 2s --warm-up 0s",
        "pub -n 3 --topic a/{client} --payload 0 --rate 10",
        "sub -t a/# -d 1s",
        "connect -n 7 --connect-rate 100",
        "idle -n 7 --hold 1s",
    ] {
        let scenario = typed(line).unwrap();
        assert_eq!(Scenario::from_toml(&scenario.to_toml()), Ok(scenario), "{line}");
    }
}

#[test]
fn a_run_lasts_as_long_as_its_steps_unless_it_is_told_otherwise() {
    let stages = |line: &str| -> Vec<String> {
        let span = |stage: &Stage| match stage {
            Stage::WarmUp { span } => Some(format!("warm-up {span}")),
            stage => stage.lasting().map(|span| span.to_string()),
        };
        typed(line).unwrap().stages.iter().filter_map(span).collect()
    };
    assert_eq!(stages("pairs --steps 1k:6s,4k:6s,8k:6s"), ["18s"]);
    assert_eq!(stages("pairs --steps 1k:6s,4k:6s --warm-up 2s"), ["warm-up 2s", "10s"]);
    assert_eq!(stages("pairs --steps 1k:6s,4k:6s -d 5s"), ["5s"]);
    assert_eq!(stages("pairs --rate 1k"), ["warm-up 1s", "10s"]);
}

#[test]
fn the_digest_depends_on_every_field() {
    let scenario = Scenario::from_toml(SMALL).unwrap();
    assert_eq!(scenario.digest().len(), 16);
    assert_eq!(scenario.digest(), scenario.clone().digest());
    let mut other = scenario.clone();
    other.flows[0].qos = 2;
    assert_ne!(scenario.digest(), other.digest());
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    for (from, to, reason) in [
        ("name = 'small'", "name = 'small'\nnmae = 1", "unknown field `nmae`"),
        ("count = 2", "count = 2, size = 1", "unknown field `size`"),
        ("stage = 'drain'", "stage = 'drain', x = 1", "unknown field `x`"),
        ("stage = 'drain'", "stage = 'dry'", "unknown variant `dry`"),
        ("rate_per_s = 50.0", "rate_per_s = 0.0", "flow f: a rate is above 0"),
        ("rate_per_s = 50.0", "rate_per_s = nan", "flow f: a rate is above 0"),
        ("from = 'p'", "from = 'q'", "flow f: there are no clients q"),
        ("from = 'p'", "from = 'p'\nroute = 'pairs'", "flow f: pairs need as many"),
        ("from = 'p'", "from = 'p'\nqos = 3", "flow f: a quality of service is 0, 1 or 2"),
        ("from = 'p'", "from = 'p'\ntopic = 'a/#'", "flow f: a/# is no topic name"),
        ("from = 'p'", "from = 'p'\ntopic = '{x}'", "flow f: {x}: a template has the places"),
        ("'16..64'", "3", "a payload that is checked has 16 bytes"),
        ("span = '10s'", "span = '10 parsecs'", "a span is a number with us, ms, s, m or h"),
        ("span = '10s'", "span = '0s'", "publishing lasts longer than 0 s"),
        (", span = '10s'", "", "flow f: without `messages` it never ends"),
        ("name = 's'", "name = 'p'", "there are two of the group of clients p"),
        ("count = 3", "count = 60000000", "at most 16000000 are possible"),
    ] {
        let text = SMALL.replacen(from, to, 1);
        assert_ne!(text, SMALL, "{from}");
        let refused = Scenario::from_toml(&text).unwrap_err();
        assert!(refused.contains(reason), "{to}: {refused}");
    }
    let refused = typed("fan-in -p 1000000 -s 100").unwrap_err();
    assert!(refused.contains("100000000 streams to check"), "{refused}");
    assert!(typed("shared --group a/b").unwrap_err().contains("[MQTT-4.8.2-1]"));
    for empty in ["pairs -d 0s --warm-up 0s", "pairs -d 0s", "mixed -d 0s", "reconnect -d 0s"] {
        assert!(typed(empty).unwrap_err().contains("publishing lasts longer than 0 s"), "{empty}");
    }
    assert!(typed("fan-in -m 100000000 --rate 1").unwrap_err().contains("more than a day"));
}
