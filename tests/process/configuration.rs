//! The command line: errands, and errors that say where, which key, what was found and what is allowed.

use std::process::Command;

use crate::broker::{Scratch, binary};
use crate::certificates::write;

/// Exit code, standard output and standard error of `ringmq` with these arguments.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(binary()).args(arguments).env_remove("STATE_DIRECTORY").output();
    let output = output.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the broker writes text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn help_and_version_are_told() {
    let (code, help, complaint) = run(&["--help"]);
    assert_eq!((code, complaint.as_str()), (Some(0), ""));
    for part in ["--listen <URL>", "--config <FILE>", "check-config", "--set <KEY=VALUE>"] {
        assert!(help.contains(part), "{part} in {help}");
    }
    let (code, version, _) = run(&["--version"]);
    let told = version.trim().strip_prefix(concat!("ringmq ", env!("CARGO_PKG_VERSION")));
    assert_eq!((code, told.is_some()), (Some(0), true), "{version}");
    // The revision and its day, where the source is under git.
    let parts: Vec<&str> =
        told.unwrap_or_default().split(['(', ')', ' ']).filter(|part| !part.is_empty()).collect();
    let is_day = |day: &&str| day.len() == 10 && day.split('-').all(|part| part.parse::<u16>().is_ok());
    assert!(parts.is_empty() || parts.last().is_some_and(is_day), "{version}");
}

#[test]
fn what_the_broker_prints_it_also_reads() {
    let scratch = Scratch::new();
    let (code, example, _) = run(&["config-example"]);
    assert_eq!(code, Some(0));
    let file = write(&scratch.0, "example.toml", &example);
    let name = file.display().to_string();
    assert_eq!(run(&["check-config", &name]), (Some(0), format!("{name}: ok\n"), String::new()));
}

#[test]
fn all_errors_of_a_file_are_told_with_their_place() {
    let scratch = Scratch::new();
    let text = "shards = 999\n\n[mqtt]\nmax_qso = 1\n\n[limits]\nsend_queue_bytes_max = \"much\"\n";
    let file = write(&scratch.0, "wrong.toml", text);
    let name = file.display().to_string();
    let expected = [
        format!("{name}:1:1: shards: found 999, allowed is a whole number from 0 to 128"),
        format!("{name}:4:1: mqtt.max_qso: unknown key; did you mean mqtt.max_qos?"),
        format!("{name}:7:1: limits.send_queue_bytes_max: found \"much\", allowed is a size from"),
    ];
    for arguments in [["check-config", &name], ["--config", &name]] {
        let (code, _, complaint) = run(&arguments);
        assert_eq!(code, Some(1));
        let lines: Vec<&str> = complaint.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{complaint}");
        for (line, expected) in lines.iter().zip(&expected) {
            assert!(line.starts_with(expected.as_str()), "{line}");
        }
    }
}

#[test]
fn errors_of_the_command_line_are_errors_of_usage() {
    for (arguments, expected) in [
        (["--set", "mqtt.max_qos=7"], "--set: mqtt.max_qos: found 7, allowed is a whole number from 0 to 2"),
        (["--listen", "1883"], "allowed is tcp://HOST:PORT or tls://HOST:PORT"),
        (["--lisen", "tcp://127.0.0.1:0"], "unexpected argument '--lisen'"),
    ] {
        let (code, _, complaint) = run(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(complaint.contains(expected), "{complaint}");
    }
}

#[test]
fn files_that_are_missing_or_unreadable_are_named() {
    let scratch = Scratch::new();
    let missing = scratch.0.join("missing.toml").display().to_string();
    let (code, _, complaint) = run(&["--config", &missing]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains(&missing), "{complaint}");
    let no_certificate = write(&scratch.0, "empty.pem", "").display().to_string();
    let data = scratch.0.join("data").display().to_string();
    let listen = ["--listen", "tls://127.0.0.1:0", "--data-dir", &data];
    let files = ["--tls-cert", &no_certificate, "--tls-key", &no_certificate];
    let (code, _, complaint) = run(&[&listen[..], &files[..]].concat());
    assert_eq!(code, Some(1));
    assert!(complaint.contains(&no_certificate), "{complaint}");
}
