//! CONNACK: the first packet of the server, what it tells of the session, and its refusals.

use ringmq_broker::cause::Cause;

use crate::registry::proofs;
use crate::trial::Trial;
use crate::wire::properties::{
    ASSIGNED_CLIENT_IDENTIFIER, AUTHENTICATION_METHOD, MAXIMUM_PACKET_SIZE, REASON_STRING, RECEIVE_MAXIMUM,
    REQUEST_RESPONSE_INFORMATION, RESPONSE_INFORMATION, SERVER_KEEP_ALIVE, SESSION_EXPIRY, TOPIC_ALIAS_MAXIMUM,
    USER_PROPERTY,
};
use crate::wire::{Connect, Encode, Packet, Publish, Will, properties};

proofs! {
    connack_comes_before_queued_messages: "5:MQTT-3.2.0-1", "311:MQTT-3.2.0-1";
    connack_comes_once: "5:MQTT-3.2.0-2";
    session_present_tells_whether_state_was_found: "5:MQTT-3.2.2-1", "5:MQTT-3.2.2-2", "5:MQTT-3.2.2-3",
        "311:MQTT-3.2.2-1", "311:MQTT-3.2.2-2", "311:MQTT-3.2.2-3";
    a_refusal_has_no_session_present_and_closes: "5:MQTT-3.2.2-6", "5:MQTT-3.2.2-7", "311:MQTT-3.2.2-4",
        "311:MQTT-3.2.2-5", "5:MQTT-3.1.4-2", "5:MQTT-4.13.2-1";
    a_refusal_for_a_limit_leaves_the_session_alone: "rule:refused-connect-changes-nothing";
    a_full_account_lets_its_own_clients_back_in: "rule:refused-connect-changes-nothing";
    a_refusal_without_a_code_is_silent: "311:MQTT-3.2.2-6";
    a_full_server_says_so: "5:MQTT-3.1.4-2", "5:MQTT-3.2.2-8";
    response_information_is_for_those_who_ask: "5:MQTT-3.1.2-28";
    response_information_that_does_not_fit_is_left_out: "rule:response-information-fits";
    connack_keeps_within_the_clients_packet_size: "5:MQTT-3.2.2-19", "5:MQTT-3.2.2-20";
    what_is_granted_differently_is_told: "rule:announced-session-expiry", "rule:announced-keep-alive";
    what_the_server_takes_is_told: "rule:announced-limits";
}

fn connack_comes_before_queued_messages(t: &Trial) {
    let mut a = t.connect(Connect::new("a").kept());
    a.subscribe("t", 2);
    let mut b = t.client("b");
    b.publish(Publish::new("t", "open").qos(1));
    a.take();
    a.vanish();
    b.publish(Publish::new("t", "queued").qos(2));
    let mut a = t.wire();
    a.send(Connect::new("a").kept());
    assert!(a.take_connack().session_present);
    assert_eq!([a.take().text(), a.take().text()], ["open", "queued"]);
}

fn connack_comes_once(t: &Trial) {
    let mut a = t.wire();
    a.send([Connect::new("a").encode(t.version()), Connect::new("a").encode(t.version())].concat());
    a.take_connack();
    assert!(matches!(a.next(), Packet::Disconnect(_)));
    a.expect_closed();
}

fn session_present_tells_whether_state_was_found(t: &Trial) {
    let a = t.connect(Connect::new("a").kept());
    assert!(!a.session_present(), "nothing was kept");
    a.disconnect();
    let a = t.connect(Connect::new("a").kept());
    assert!(a.session_present(), "the session was kept");
    a.disconnect();
    let a = t.connect(Connect::new("a"));
    assert!(!a.session_present(), "clean start");
    a.disconnect();
    let a = t.connect(Connect::new("a").kept());
    assert!(!a.session_present(), "the clean session has ended with its connection");
}

fn a_refusal_has_no_session_present_and_closes(t: &Trial) {
    t.set_up(|setup| setup.connections_max = 1);
    t.connect(Connect::new("a").kept()).disconnect();
    let keeps_the_place = t.client("b");
    let (_, connack) = t.refused(Connect::new("a").kept());
    assert!(!connack.session_present);
    keeps_the_place.disconnect();
    assert!(t.connect(Connect::new("a").kept()).session_present(), "a refusal leaves the session alone");
}

fn a_refusal_for_a_limit_leaves_the_session_alone(t: &Trial) {
    t.limits(|limits| limits.will_bytes_max = 500);
    let mut watcher = t.client("watcher");
    watcher.subscribe("will", 0);
    let mut a = t.connect(Connect::new("a").kept().will(Will::new("will", "gone")));
    a.subscribe("t", 1);
    for connect in [Connect::new("a"), Connect::new("a").kept()] {
        let (_, connack) = t.refused(connect.will(Will::new("will", vec![b'x'; 1000])));
        assert_eq!(connack.code, 0x97);
        a.expect_alive();
    }
    t.client("b").publish(Publish::new("t", "x").qos(1));
    a.receives("t", "x");
    watcher.expect_silence();
    a.disconnect();
    assert!(t.connect(Connect::new("a").kept()).session_present());
    assert_eq!(t.ended_by(Cause::TakenOver), 0);
}

/// What a CONNECT replaces makes room for it: a session for a session, a will for a will.
fn a_full_account_lets_its_own_clients_back_in(t: &Trial) {
    t.set_up(|setup| setup.sessions_max = 2);
    t.limits(|limits| limits.will_bytes_max = 1500);
    let will = || Will::new("will", vec![b'x'; 1000]);
    let _other = t.client("other");
    t.connect(Connect::new("a").kept().will(will())).expect_alive();
    assert_eq!(t.refused(Connect::new("stranger")).1.code, 0x97);
    for connect in [Connect::new("a").kept(), Connect::new("a"), Connect::new("a")] {
        t.connect(connect.will(will())).expect_alive();
    }
    assert_eq!(t.counters().sessions, 2);
    t.client("a").disconnect();
    t.client("stranger").expect_alive();
}

fn a_refusal_without_a_code_is_silent(t: &Trial) {
    t.offers(|policy| policy.retain_available = false);
    let mut a = t.wire();
    a.send(Connect::new("a").will(Will::new("will", "x").retained()));
    a.expect_closed();
    assert_eq!(t.ended_by(Cause::RetainNotSupported), 1);
}

fn a_full_server_says_so(t: &Trial) {
    t.set_up(|setup| setup.connections_max = 2);
    let (first, mut second) = (t.client("a"), t.client("b"));
    assert_eq!(t.refused(Connect::new("c")).1.code, 0x89);
    assert_eq!(t.ended_by(Cause::ServerFull), 1);
    second.expect_alive();
    first.disconnect();
    t.client("c").disconnect();
}

fn response_information_is_for_those_who_ask(t: &Trial) {
    t.offers(|policy| policy.response_information = String::from("replies/"));
    for asked in [None, Some(0_u8)] {
        let connect = Connect::new("a");
        let connect =
            if let Some(asked) = asked { connect.with(REQUEST_RESPONSE_INFORMATION, asked) } else { connect };
        assert!(!t.connect(connect).announced().has(RESPONSE_INFORMATION));
    }
    let a = t.connect(Connect::new("a").with(REQUEST_RESPONSE_INFORMATION, 1_u8));
    assert_eq!(a.announced().text(RESPONSE_INFORMATION).as_deref(), Some("replies/a"));
}

/// A string holds 65,535 bytes at most.
fn response_information_that_does_not_fit_is_left_out(t: &Trial) {
    t.offers(|policy| {
        policy.client_id_bytes_max = 65_535;
        policy.response_information = "r".repeat(1024);
    });
    for (len, fits) in [(65_535 - 1024, true), (65_536 - 1024, false), (65_535, false)] {
        let connect = Connect::new("x".repeat(len)).with(REQUEST_RESPONSE_INFORMATION, 1_u8);
        let mut a = t.connect(connect);
        assert_eq!(a.announced().has(RESPONSE_INFORMATION), fits, "an identifier of {len} bytes");
        a.expect_alive();
    }
}

fn connack_keeps_within_the_clients_packet_size(t: &Trial) {
    let refused = |limit: u32| {
        let mut a = t.wire();
        a.send(Connect::new("x".repeat(300)).with(MAXIMUM_PACKET_SIZE, limit));
        let connack = a.poll();
        a.expect_closed();
        assert!(a.largest_packet() <= limit as usize);
        connack
    };
    let Some(Packet::Connack(full)) = refused(1000) else { panic!("CONNACK with room") };
    assert!(full.properties.has(REASON_STRING));
    let Some(Packet::Connack(short)) = refused(10) else { panic!("CONNACK without room") };
    assert!(!short.properties.has(REASON_STRING) && !short.properties.has(USER_PROPERTY));
    assert_eq!(short.code, full.code);
    assert_eq!(refused(4), None, "no room for CONNACK itself");
}

fn what_is_granted_differently_is_told(t: &Trial) {
    t.offers(|policy| {
        policy.session_expiry_max_s = 100;
        policy.keep_alive_max_s = 60;
    });
    let a = t.connect(Connect::new("a").with(SESSION_EXPIRY, 1000_u32).keep_alive(600));
    assert_eq!(a.announced().number(SESSION_EXPIRY), Some(100));
    assert_eq!(a.announced().number(SERVER_KEEP_ALIVE), Some(60));
    let b = t.connect(Connect::new("b").with(SESSION_EXPIRY, 99_u32).keep_alive(59));
    assert!(!b.announced().has(SESSION_EXPIRY) && !b.announced().has(SERVER_KEEP_ALIVE));
    let c = t.connect(Connect::new("c"));
    assert_eq!(c.announced().number(SERVER_KEEP_ALIVE), Some(60), "no keep alive is longer than any");
}

fn what_the_server_takes_is_told(t: &Trial) {
    t.offers(|policy| {
        (policy.receive_max, policy.packet_bytes_max, policy.topic_alias_max) = (17, 4000, 9);
    });
    let a = t.client("a");
    let told = [RECEIVE_MAXIMUM, MAXIMUM_PACKET_SIZE, TOPIC_ALIAS_MAXIMUM].map(|id| a.announced().number(id));
    assert_eq!(told, [Some(17), Some(4000), Some(9)]);
    let offered = [
        properties::MAXIMUM_QOS,
        properties::RETAIN_AVAILABLE,
        properties::WILDCARD_AVAILABLE,
        properties::IDENTIFIERS_AVAILABLE,
        properties::SHARED_AVAILABLE,
        ASSIGNED_CLIENT_IDENTIFIER,
        AUTHENTICATION_METHOD,
    ];
    assert!(offered.iter().all(|&id| !a.announced().has(id)), "what is as usual needs no word");
}
