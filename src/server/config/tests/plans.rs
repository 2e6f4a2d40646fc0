//! What ends up in the configuration, and which values do not go together.

use std::path::{Path, PathBuf};

use super::super::flags::Flags;
use super::super::{self as config, ClientAuth, Engine, Environment, Origin, TlsVersion, Transport};
use super::{load, load_set, load_with, refused, set};

fn urls(config: &config::Config) -> Vec<String> {
    config.listeners.iter().map(|listener| listener.url.to_string()).collect()
}

#[test]
fn without_a_word_the_broker_serves_its_own_host_on_the_usual_ports() {
    let config = load("").unwrap();
    let expected = ["tcp://127.0.0.1:1883", "tcp://[::1]:1883", "tls://127.0.0.1:8883", "tls://[::1]:8883"];
    assert_eq!(urls(&config), expected);
    assert!(config.listeners.iter().all(|listener| listener.origin == Origin::Default));
    assert!(
        config.listeners.iter().all(|listener| listener.connections_max == config.limits.connections_max)
    );
    assert_eq!(config.general.data_dir, Path::new("ringmq-data"));
    let flags = config.listen_hint().unwrap().split(" ringmq ").nth(1).unwrap();
    let urls: Vec<_> = flags.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let config = load_with("", &Flags { listen: urls, ..Flags::default() }).unwrap();
    assert_eq!((config.listeners.len(), config.listen_hint()), (2, None), "the hint does what it says");
}

#[test]
fn general_keys_reach_default_listeners() {
    let config = load("mqtt.max_qos = 1\ntls.versions = ['1.3']\nnetwork.engine = 'epoll'\n").unwrap();
    assert_eq!(config.network.engine, Engine::Epoll);
    for listener in config.listeners {
        assert_eq!((listener.mqtt.max_qos, listener.tls.versions), (1, vec![TlsVersion::V13]));
    }
}

#[test]
fn a_listener_has_what_it_says_and_otherwise_what_holds_for_all() {
    let config = load(
        "[mqtt]\nmax_qos = 1\nreceive_max = 9\n[[listener]]\nurl = 'tcp://[::]:1883'\nmqtt.max_qos = 0\n\
         connections_max = 5\n[[listener]]\nname = 'secure'\nurl = 'tls://0.0.0.0:8883'\n[listener.mqtt]\n\
         receive_max = 7\n",
    )
    .unwrap();
    let [plain, secure] = config.listeners.as_slice() else { panic!("two listeners") };
    assert_eq!((plain.mqtt.max_qos, plain.mqtt.receive_max, plain.connections_max), (0, 9, 5));
    assert_eq!((secure.mqtt.max_qos, secure.mqtt.receive_max), (1, 7));
    assert_eq!((plain.name.as_str(), secure.name.as_str()), ("tcp://[::]:1883", "secure"));
    assert_eq!((plain.origin, secure.url.transport), (Origin::Given, Transport::Tls));
}

#[test]
fn a_flag_wins_over_the_file_and_the_last_flag_counts() {
    let text = "shards = 2\n[mqtt]\nmax_qos = 1\nreceive_max = 7\n[[listener]]\nurl = 'tcp://a:1'\nmqtt.max_qos = 0\n";
    let named = vec![("--shards", "shards", "4".to_owned())];
    let flags = Flags {
        named,
        ..set(&[("mqtt.receive_max", "8"), ("mqtt.receive_max", "9"), ("mqtt.max_qos", "2")])
    };
    let config = load_with(text, &flags).unwrap();
    assert_eq!(config.general.shards, 4);
    let mqtt = &config.listeners[0].mqtt;
    assert_eq!((mqtt.receive_max, mqtt.max_qos), (9, 0), "a listener's own key wins over the general one");
}

#[test]
fn listen_flags_take_the_place_of_all_listeners() {
    let listen = ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://[::1]:0"].map(|url| url.parse().unwrap());
    let flags = Flags { listen: listen.to_vec(), ..Flags::default() };
    let config = load_with("[[listener]]\nurl = 'tcp://a:1'\n", &flags).unwrap();
    assert_eq!(urls(&config), ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0", "tls://[::1]:0"]);
    let names: Vec<&str> = config.listeners.iter().map(|listener| listener.name.as_str()).collect();
    assert_eq!(names, ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0#2", "tls://[::1]:0"]);
}

#[test]
fn relative_paths_are_seen_from_the_file_and_in_flags_from_here() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringmq.toml");
    std::fs::write(&file, "data_dir = 'data'\n[tls]\ncert = '/etc/a.pem'\nkey = 'k/a.key'\nclient_ca = ''\n")
        .unwrap();
    let config = config::load(Some(&file), &Flags::default(), &Environment::default()).unwrap();
    let tls = &config.listeners[0].tls;
    assert_eq!(config.general.data_dir, folder.path().join("data"));
    assert_eq!(tls.cert, Some(PathBuf::from("/etc/a.pem")));
    assert_eq!(tls.key, Some(folder.path().join("k/a.key")));
    assert_eq!(tls.client_ca, None);
    let config = config::load(Some(&file), &set(&[("data_dir", "here")]), &Environment::default()).unwrap();
    assert_eq!(config.general.data_dir, Path::new("here"));
}

#[test]
fn the_state_directory_is_a_default_only() {
    let environment = Environment { state_directory: Some(PathBuf::from("/var/lib/ringmq")) };
    let data_dir = |flags: &Flags| config::load(None, flags, &environment).unwrap().general.data_dir;
    assert_eq!(data_dir(&Flags::default()), Path::new("/var/lib/ringmq"));
    assert_eq!(data_dir(&set(&[("data_dir", "x")])), Path::new("x"));
}

#[test]
fn flags_need_no_quotes() {
    let pairs = [
        ("limits.backlog_bytes_max", "16 MiB"),
        ("log.level", "debug"),
        ("tls.versions", "1.3"),
        ("mqtt.response_information", "2024"),
        ("mqtt.retain_available", "false"),
    ];
    let config = load_set(&pairs).unwrap();
    assert_eq!(config.limits.backlog_bytes_max, 16 << 20);
    assert_eq!(config.listeners[0].tls.versions, [TlsVersion::V13]);
    assert_eq!(config.listeners[0].mqtt.response_information, "2024");
    assert!(!config.listeners[0].mqtt.retain_available);
}

/// The prefix of response topics and the identifier behind it are one string.
#[test]
fn response_information_leaves_room_for_the_client_identifier() {
    let told = |bytes_max: u32| {
        load_set(&[
            ("mqtt.response_information", "abc/"),
            ("mqtt.client_id_bytes_max", &bytes_max.to_string()),
        ])
    };
    assert!(told(65_531).is_ok());
    let faults = told(65_532).unwrap_err().to_string();
    assert!(faults.contains("both together make a string, which holds at most 65535"), "{faults}");
    assert!(
        load_set(&[("mqtt.client_id_bytes_max", "65535")]).is_ok(),
        "without a prefix there is no such string"
    );
}

/// Nodes of the filter tables have numbers of 32 bits, and no client may bring the table to its end.
#[test]
fn the_levels_of_all_subscriptions_can_be_numbered() {
    let told = |levels: &str, subscriptions: &str| {
        load_set(&[("limits.topic_levels_max", levels), ("limits.subscriptions_max", subscriptions)])
    };
    assert!(told("65535", "65536").is_ok());
    let faults = told("65535", "65537").unwrap_err().to_string();
    assert!(faults.contains("their product must be below 4294967295"), "{faults}");
}

#[test]
fn limits_must_fit_each_other() {
    refused(
        "limits.sessions_max = 10\nlimits.connections_max = 11\n",
        &[
            "ringmq.toml:1:8: limits.sessions_max: limits.sessions_max is 10, limits.connections_max is 11, but every \
           connection has a session",
        ],
    );
    refused(
        "limits.message_bytes_max = '100 MiB'\n",
        &["ringmq.toml:1:8: limits.message_bytes_max: limits.message_bytes_max is 104857600, \
           limits.retained_bytes_max is 268435456, but retained messages are part of all messages"],
    );
    refused(
        "shards = 64\n[limits]\nhandshakes_max = 63\nconnections_max = 63\n",
        &[
            "ringmq.toml:3:1: limits.handshakes_max: limits.handshakes_max is 63, which leaves nothing for some of \
             64 shards",
            "ringmq.toml:4:1: limits.connections_max: limits.connections_max is 63, which leaves nothing for some \
             of 64 shards",
        ],
    );
}

#[test]
fn a_packet_of_full_size_must_fit() {
    refused(
        "[[listener]]\nurl = 'tcp://a:1'\n[[listener]]\nurl = 'tcp://a:2'\nmqtt.packet_bytes_max = '5 MiB'\n",
        &["ringmq.toml:5:6: listener.mqtt.packet_bytes_max: mqtt.packet_bytes_max is 5242880, \
           limits.send_queue_bytes_max is 4194304, but a packet of full size must fit"],
    );
    refused(
        "limits.send_queue_bytes_max = 5000\n",
        &["ringmq.toml:1:8: limits.send_queue_bytes_max: mqtt.packet_bytes_max is 2097152, \
           limits.send_queue_bytes_max is 5000, but a packet of full size must fit"],
    );
}

#[test]
fn listeners_must_differ() {
    refused(
        "[[listener]]\nurl = 'tcp://a:1'\nname = 'x'\n[[listener]]\nurl = 'tls://A:1'\n[[listener]]\n\
         url = 'tcp://a:2'\nname = 'x'\n[[listener]]\nurl = 'tcp://a:0'\n[[listener]]\nurl = 'tcp://a:0'\n",
        &[
            "ringmq.toml:5:1: listener.url: found \"tls://a:1\", but the listener at ringmq.toml:1:1 has the same \
             address",
            "ringmq.toml:8:1: listener.name: found \"x\", but the listener at ringmq.toml:1:1 has the same name",
        ],
    );
    refused(
        "[[listener]]\nurl = 'tcp://0.0.0.0:1'\n[[listener]]\nurl = 'tls://127.0.0.1:1'\n[[listener]]\n\
         url = 'tcp://[::]:1'\n[[listener]]\nurl = 'tcp://[::1]:2'\n",
        &[
            "ringmq.toml:4:1: listener.url: found \"tls://127.0.0.1:1\", but the listener at ringmq.toml:1:1 has that \
           address with \"tcp://0.0.0.0:1\"",
        ],
    );
    refused(
        "limits.connections_max = 5\n[[listener]]\nurl = 'tcp://a:1'\nconnections_max = 6\n",
        &[
            "ringmq.toml:4:1: listener.connections_max: found 6, allowed is at most limits.connections_max, which is 5",
        ],
    );
}

#[test]
fn keys_of_tls_must_be_complete_and_of_use() {
    refused("tls.cert = 'a'\n", &["ringmq.toml:1:5: tls.cert: tls.cert is given, but tls.key is not"]);
    refused("tls.key = 'a'\n", &["ringmq.toml:1:5: tls.key: tls.key is given, but tls.cert is not"]);
    let own = load("tls.client_ca = '/a'\ntls.client_auth = 'required'\n").unwrap();
    assert_eq!(
        own.listeners[2].tls.client_auth,
        ClientAuth::Required,
        "with a certificate of the broker's own"
    );
    refused(
        "tls = { cert = 'a', key = 'b', names = ['c'] }\n",
        &[
            "ringmq.toml:1:32: tls.names: tls.names is for the certificate that the broker makes itself, but tls.cert \
           names another: remove one of them",
        ],
    );
    refused(
        "tls.names = ['good.example', '::1', 'tls://bad:1']\n",
        &[
            "ringmq.toml:1:5: tls.names: found \"tls://bad:1\", allowed are host names and IP addresses, without scheme \
           and port",
        ],
    );
    refused(
        "tls.cert = 'a'\ntls.key = 'b'\n[[listener]]\nurl = 'tcp://a:1'\n",
        &[
            "ringmq.toml:1:5: tls.cert: given, but every listener is tcp://, which does not encrypt: make one tls:// or \
           remove the key",
            "ringmq.toml:2:5: tls.key: given, but every listener is tcp://, which does not encrypt: make one tls:// or \
           remove the key",
        ],
    );
    refused(
        "tls.client_auth = 'optional'\n",
        &["ringmq.toml:1:5: tls.client_auth: tls.client_auth is given, but tls.client_ca is not"],
    );
    refused(
        "tls = { cert = 'a', key = 'b', client_ca = 'c' }\n",
        &[
            "ringmq.toml:1:32: tls.client_ca: tls.client_ca is given, but tls.client_auth is \"none\", so that no \
           certificate would be checked: make it \"optional\" or \"required\"",
        ],
    );
    refused(
        "[[listener]]\nurl = 'tcp://a:1'\ntls.cert = 'a'\n",
        &[
            "ringmq.toml:3:5: listener.tls.cert: given for a tcp:// listener, which does not encrypt: make its url \
           tls:// or remove the key",
        ],
    );
}

#[test]
fn a_listener_can_do_without_what_holds_for_all() {
    let config = load(
        "tls = { cert = '/a', key = '/b', client_ca = '/c', client_auth = 'required' }\n[[listener]]\n\
         url = 'tls://a:1'\ntls = { client_ca = '', client_auth = 'none' }\n",
    );
    let tls = &config.unwrap().listeners[0].tls;
    assert_eq!((tls.client_auth, &tls.client_ca, &tls.cert), (ClientAuth::None, &None, &Some("/a".into())));
}

#[test]
fn a_refused_value_is_not_complained_about_twice() {
    refused(
        "limits.sessions_max = 10\nlimits.connections_max = 'x'\n",
        &[
            "ringmq.toml:2:8: limits.connections_max: found \"x\", allowed is a whole number from 1 to 10000000",
        ],
    );
}

#[test]
fn a_prefix_for_responses_is_no_filter() {
    refused(
        "mqtt.response_information = 'a/#'\n",
        &[
            "ringmq.toml:1:6: mqtt.response_information: found \"a/#\", allowed is the beginning of a topic name, \
           without + and #",
        ],
    );
}
