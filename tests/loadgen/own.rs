//! Topics of the user's own: what one run publishes, and another one or a foreign client hears.

use std::process::Command;

use crate::command::{run, start};
use crate::scratch::Broker;

/// What mosquitto_sub prints of so many messages: topic, retain flag, client's property and payload.
fn heard(broker: &Broker, filter: &str, count: u32) -> Vec<String> {
    let port = broker.address.port().to_string();
    let mut command = Command::new("mosquitto_sub");
    command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-t", filter, "-F", "%t %r %P %p"]);
    command.args(["-W", "20", "-C", &count.to_string()]);
    let output = command.output().expect("mosquitto_sub is installed");
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn what_is_published_has_the_users_topics_payload_and_properties() {
    let broker = Broker::start();
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-payload.json");
    std::fs::write(&file, "{\"t\":21}").expect("the folder is the tests'");
    let load = format!(
        "pub -n 2 -m 2 --topic room/{{client}}/t --retain --payload @{} --user-property unit=C",
        file.display()
    );
    let done = run(&load, broker.address);
    assert_eq!((done.code, done.count("/traffic/sent")), (Some(0), 2), "{}\n{}", done.out, done.errors);
    let lines = heard(&broker, "room/#", 2);
    assert_eq!(lines, ["room/0/t 1 unit:C {\"t\":21}", "room/1/t 1 unit:C {\"t\":21}"]);
}

#[test]
fn who_listens_counts_what_others_publish() {
    let broker = Broker::start();
    let mut listening =
        start(&format!("sub -n 3 -t own/+/x -t other/# -m 300 -q 0 --broker {}", broker.address));
    listening.await_line("publish");
    let done = run("pub -n 5 -m 100 --rate 1k -q 0 --topic own/{client}/x --payload 3", broker.address);
    assert_eq!(done.count("/traffic/sent"), 100, "{}", done.out);
    let heard = listening.wait();
    let counts = ["delivered", "strays", "lost"].map(|name| heard.count(&format!("/traffic/{name}")));
    assert_eq!(counts, [300, 0, 0], "{}\n{}", heard.out, heard.errors);
}

#[test]
fn a_will_is_published_when_a_connection_is_cut() {
    let broker = Broker::start();
    let load =
        "reconnect --pairs 1 --rate 100 -d 400ms --warm-up 0s --will-topic gone/{client} --will-payload bye";
    let done = run(&format!("{load} --will-retain --client-id-prefix own-"), broker.address);
    assert_eq!(done.count("/connections/cut"), 2, "{}\n{}", done.out, done.errors);
    assert_eq!(heard(&broker, "gone/#", 1), ["gone/0 1  bye"]);
}
