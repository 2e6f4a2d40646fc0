//! What an operator is told, word for word.

use super::super::flags::Flags;
use super::super::{self as config, Environment};
use super::{load_set, load_with, refused, set};

#[test]
fn a_value_out_of_range_is_answered_with_the_range() {
    refused(
        "[mqtt]\nmax_qos = 3\nkeep_alive_max_s = -1\nconnect_timeout_ms = 1.5\n",
        &[
            "ringmq.toml:2:1: mqtt.max_qos: found 3, allowed is a whole number from 0 to 2",
            "ringmq.toml:3:1: mqtt.keep_alive_max_s: found -1, allowed is a whole number of seconds from 0 to 65535",
            "ringmq.toml:4:1: mqtt.connect_timeout_ms: found 1.5, allowed is a whole number of milliseconds from \
             100 to 600000",
        ],
    );
    refused(
        "network.receive_buffers = 1000\nlimits.connect_bytes_max = '2 MB'\n",
        &[
            "ringmq.toml:1:9: network.receive_buffers: found 1000, allowed is a power of two from 16 to 32768",
            "ringmq.toml:2:8: limits.connect_bytes_max: found \"2 MB\", allowed is a size from 1 KiB to 1 MiB, a \
             whole number of bytes or a text such as \"16 KiB\"",
        ],
    );
}

#[test]
fn a_value_of_another_type_is_shown_as_it_was_written() {
    refused(
        "shards = 'four'\ndata_dir = 7\nlog.format = ['text']\nmqtt.retain_available = 'yes'\ntls.versions = '1.3'\n",
        &[
            "ringmq.toml:1:1: shards: found \"four\", allowed is a whole number from 0 to 128",
            "ringmq.toml:2:1: data_dir: found 7, allowed is a path that is not empty",
            "ringmq.toml:3:5: log.format: found [\"text\"], allowed is \"text\" or \"json\"",
            "ringmq.toml:4:6: mqtt.retain_available: found \"yes\", allowed is true or false",
            "ringmq.toml:5:5: tls.versions: found \"1.3\", allowed is a list of one or more of \"1.2\" and \"1.3\"",
        ],
    );
    refused(
        "mqtt.response_information = 2024-01-01\ntls.alpn = ['']\ntls.cert.file = 'x'\n",
        &[
            "ringmq.toml:1:6: mqtt.response_information: found 2024-01-01, allowed is a text of at most 1024 bytes \
             without U+0000",
            "ringmq.toml:2:5: tls.alpn: found [\"\"], allowed is a list of texts of 1 to 255 bytes each",
            "ringmq.toml:3:5: tls.cert: found a table, allowed is a path, or \"\" for none",
        ],
    );
}

#[test]
fn a_word_nearly_right_is_answered_with_the_word_meant() {
    refused(
        "log.level = 'warning'\ntopics.shared_strategy = 'roundrobin'\nlimits.slow_consumer = 'explode'\n",
        &[
            "ringmq.toml:1:5: log.level: found \"warning\", allowed is \"error\", \"warn\", \"info\", \"debug\" or \
             \"trace\"",
            "ringmq.toml:2:8: topics.shared_strategy: found \"roundrobin\", allowed is \"round_robin\", \"sticky\", \
             \"least_backlog\", \"hash_publisher\", \"hash_topic\" or \"local_first\"; did you mean \
             \"round_robin\"?",
            "ringmq.toml:3:8: limits.slow_consumer: found \"explode\", allowed is \"drop_then_disconnect\" or \
             \"drop_only\"",
        ],
    );
}

#[test]
fn an_unknown_key_is_an_error_with_the_key_meant() {
    refused(
        "shrads = 1\nmax_qos = 1\ncolour = 'red'\n[limits]\nconections_max = 1\nreceive_max = 1\n[mqtt]\nx = 1\n",
        &[
            "ringmq.toml:1:1: shrads: unknown key; did you mean shards?",
            "ringmq.toml:2:1: max_qos: unknown key; did you mean mqtt.max_qos?",
            "ringmq.toml:3:1: colour: unknown key",
            "ringmq.toml:5:1: limits.conections_max: unknown key; did you mean limits.connections_max?",
            "ringmq.toml:6:1: limits.receive_max: unknown key; did you mean mqtt.receive_max?",
            "ringmq.toml:8:1: mqtt.x: unknown key",
        ],
    );
}

#[test]
fn an_unknown_section_is_one_error_whatever_it_holds() {
    refused(
        "[limts]\na = 1\nb = 2\n[sharing]\nc = 1\n",
        &[
            "ringmq.toml:1:2: limts: unknown section; did you mean limits?",
            "ringmq.toml:4:2: sharing: unknown section",
        ],
    );
    refused("mqtt = 5\n", &["ringmq.toml:1:1: mqtt: found 5, allowed is a table of keys"]);
    refused("[[mqtt]]\n", &["ringmq.toml:1:3: mqtt: found [a table], allowed is a table of keys"]);
}

#[test]
fn a_listener_has_keys_of_its_own_and_those_of_mqtt_and_tls() {
    refused(
        "[[listener]]\nurl = 'tcp://a'\n[[listener]]\nuri = 'tcp://a:1'\nlimits.sessions_max = 1\nshards = 1\n\
         mqtt.max_qs = 1\nmqtt.max_qos = 3\ntls = 1\n",
        &[
            "ringmq.toml:2:1: listener.url: found \"tcp://a\", allowed is tcp://HOST:PORT or tls://HOST:PORT (mqtt:// \
             and mqtts:// mean the same), an IPv6 address in brackets, the port from 0 to 65535",
            "ringmq.toml:3:1: listener.url: missing, every listener needs one",
            "ringmq.toml:4:1: listener.uri: unknown key; did you mean listener.url?",
            "ringmq.toml:5:8: listener.limits.sessions_max: holds for the whole broker and cannot be given for one \
             listener",
            "ringmq.toml:6:1: listener.shards: unknown key",
            "ringmq.toml:7:6: listener.mqtt.max_qs: unknown key; did you mean listener.mqtt.max_qos?",
            "ringmq.toml:8:6: listener.mqtt.max_qos: found 3, allowed is a whole number from 0 to 2",
            "ringmq.toml:9:1: listener.tls: found 1, allowed is a table of keys",
        ],
    );
    refused(
        "[listener]\nurl = 'tcp://a:1'\n",
        &["ringmq.toml:1:2: listener: found a table, allowed is one table for each, begun by [[listener]]"],
    );
}

#[test]
fn slips_of_toml_do_not_hide_other_faults() {
    refused(
        "shards = \n[mqtt]\nmax_qos = 3\nmax_qos = 1\nretain_available = yes\nfoo bar\n[limits\n",
        &[
            "ringmq.toml:1:10: not TOML: string values must be quoted, expected literal string",
            "ringmq.toml:3:1: mqtt.max_qos: found 3, allowed is a whole number from 0 to 2",
            "ringmq.toml:4:1: not TOML: duplicate key",
            "ringmq.toml:5:20: not TOML: string values must be quoted, expected literal string",
            "ringmq.toml:6:5: not TOML: key with no value, expected `=`",
            "ringmq.toml:7:8: not TOML: unclosed table, expected `]`",
        ],
    );
}

#[test]
fn columns_count_characters() {
    refused(
        "mqtt = { response_information = 'h\u{e9}\u{e9}', max_qos = 7 }\n",
        &["ringmq.toml:1:40: mqtt.max_qos: found 7, allowed is a whole number from 0 to 2"],
    );
}

#[test]
fn flags_are_told_in_the_words_of_the_file() {
    let flags =
        Flags { named: vec![("--shards", "shards", "129".to_owned())], ..set(&[("mqtt.max_qos", "x")]) };
    let faults = load_with("shards = 500\n", &flags).unwrap_err();
    let lines = "ringmq.toml:1:1: shards: found 500, allowed is a whole number from 0 to 128\n\
                 --set: mqtt.max_qos: found \"x\", allowed is a whole number from 0 to 2\n\
                 --shards: shards: found 129, allowed is a whole number from 0 to 128\n";
    assert_eq!(faults.to_string(), lines);
    assert!(!faults.by_flags_alone());

    let faults =
        load_set(&[("listener.url", "tcp://a:1"), ("mqtt.maxqos", "1"), ("topics.x", "1")]).unwrap_err();
    let lines = "--set: listener.url: belongs to one listener: give it in [[listener]] of a file, or use --listen\n\
                 --set: mqtt.maxqos: unknown key; did you mean mqtt.max_qos?\n\
                 --set: topics.x: unknown key\n";
    assert_eq!(faults.to_string(), lines);
    assert!(faults.by_flags_alone());
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_flags_are_checked_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringmq.toml");
    let flags = set(&[("mqtt.max_qos", "3")]);
    let told = |what: &str| {
        let flag = "--set: mqtt.max_qos: found 3, allowed is a whole number from 0 to 2";
        format!("{}: {what}\n{flag}\n", file.display())
    };
    let load = || config::load(Some(&file), &flags, &Environment::default()).unwrap_err().faults.to_string();
    assert_eq!(load(), told("cannot be read: No such file or directory (os error 2)"));
    std::fs::write(&file, b"shards = 1 # \xFF").unwrap();
    assert_eq!(load(), told("is not UTF-8, from its byte 14 on"));
    std::fs::File::create(&file).unwrap().set_len(17 << 20).unwrap();
    assert_eq!(load(), told("has 17825792 bytes, allowed are at most 16777216"));
}
