//! The client against scripted bytes of a broker.

use super::*;

fn terms(version: Version) -> Terms {
    Terms {
        version,
        keep_alive_s: 60,
        session_expiry_s: None,
        inflight_max: 10,
        packet_bytes_max: 1000,
        needs: Needs { qos: Qos::ExactlyOnce, wildcards: false, retain: false, shared: false },
    }
}

fn me() -> Identity {
    Identity { client_id: "me".into(), ..Identity::default() }
}

const DONE: &str = "Acknowledged(Origin { sender: 3, sequence: 4, intended: 77, sent: 78 })";

/// A client behind a successful CONNACK, at 3.1.1.
fn open_client() -> Client {
    let mut client = Client::new();
    client.open_outflow(&terms(Version::V311));
    client.connect(&terms(Version::V311), &me(), &mut Vec::new());
    let (told, _) = receive(&mut client, Version::V311, &[0x20, 2, 0, 0]).unwrap();
    assert_eq!(told, ["Connected { keep_alive_s: None, session_present: false }"]);
    client
}

/// What a client tells and answers.
fn receive(client: &mut Client, version: Version, bytes: &[u8]) -> Result<(Vec<String>, Vec<u8>), Fault> {
    let (mut told, mut out) = (Vec::new(), Vec::new());
    client.receive(&terms(version), bytes, &mut out, |news| {
        told.push(match news {
            News::Message(publish) => format!("Message({:?})", publish.payload),
            other => format!("{other:?}"),
        });
    })?;
    Ok((told, out))
}

fn inflight(client: &Client) -> u16 {
    client.outflow.as_ref().unwrap().count
}

fn publication(qos: Qos) -> Publication<'static> {
    Publication {
        topic: "t",
        payload: b"x",
        qos,
        retain: false,
        properties: Properties::EMPTY,
        origin: Origin { sender: 3, sequence: 4, intended: 77, sent: 78 },
    }
}

#[test]
fn connect_and_subscribe_lead_to_ready() {
    let terms = terms(Version::V311);
    let mut client = Client::new();
    let mut out = Vec::new();
    client.connect(&terms, &me(), &mut out);
    assert_eq!(out, b"\x10\x0E\0\x04MQTT\x04\x02\0\x3C\0\x02me");
    assert_ne!(client.stage, Stage::Open);
    receive(&mut client, Version::V311, &[0x20, 2, 0, 0]).unwrap();
    assert_eq!(client.stage, Stage::Open);
    out.clear();
    client.subscribe(&terms, &[("a/+".into(), Qos::AtLeastOnce)], &mut out);
    assert_eq!(out, b"\x82\x08\xFF\xFF\0\x03a/+\x01");
    assert_ne!(client.stage, Stage::Open);
    assert_eq!(receive(&mut client, Version::V311, &[0x90, 3, 0xFF, 0xFF, 1]).unwrap().0, ["Subscribed"]);
    assert_eq!(client.stage, Stage::Open);
}

#[test]
fn refusals_are_faults() {
    let mut client = Client::new();
    client.connect(&terms(Version::V311), &me(), &mut Vec::new());
    let refused = receive(&mut client, Version::V311, &[0x20, 2, 0, 5]);
    assert!(matches!(refused, Err(Fault::Refused(Reason::NotAuthorized))));
    let mut client = open_client();
    client.subscribe(&terms(Version::V311), &[("#".into(), Qos::AtMostOnce)], &mut Vec::new());
    let refused = receive(&mut client, Version::V311, &[0x90, 3, 0xFF, 0xFF, 0x80]);
    assert!(matches!(refused, Err(Fault::SubscriptionRefused(0x80))));
    let early = receive(&mut Client::new(), Version::V311, &[0xD0, 0]);
    assert!(matches!(early, Err(Fault::Unexpected(PacketType::Pingresp))));
}

#[test]
fn an_offer_that_is_too_small_is_a_fault() {
    let mut client = Client::new();
    client.connect(&terms(Version::V5), &me(), &mut Vec::new());
    let limited = receive(&mut client, Version::V5, &[0x20, 5, 0, 0, 2, 0x24, 1]);
    assert!(matches!(limited, Err(Fault::Lacks("the QoS asked for"))));
}

#[test]
fn receive_maximum_narrows_the_window() {
    let mut client = Client::new();
    client.open_outflow(&terms(Version::V5));
    client.connect(&terms(Version::V5), &me(), &mut Vec::new());
    receive(&mut client, Version::V5, &[0x20, 6, 0, 0, 3, 0x21, 0, 1]).unwrap();
    assert!(client.may_publish(Qos::AtLeastOnce));
    client.publish(&terms(Version::V5), publication(Qos::AtLeastOnce), &mut Vec::new());
    assert!(!client.may_publish(Qos::AtLeastOnce), "[MQTT-3.3.4-7]");
    assert!(client.may_publish(Qos::AtMostOnce));
}

#[test]
fn a_publish_at_qos_1_is_done_with_puback() {
    let mut client = open_client();
    let mut out = Vec::new();
    client.publish(&terms(Version::V311), publication(Qos::AtLeastOnce), &mut out);
    assert_eq!(out, b"\x32\x06\0\x01t\0\x01x");
    assert_eq!(inflight(&client), 1);
    assert_eq!(receive(&mut client, Version::V311, &[0x40, 2, 0, 1]).unwrap().0, [DONE]);
    assert_eq!(inflight(&client), 0);
    let again = receive(&mut client, Version::V311, &[0x40, 2, 0, 1]);
    assert!(matches!(again, Err(Fault::Unexpected(PacketType::Puback))));
}

#[test]
fn a_publish_at_qos_2_is_done_with_pubcomp() {
    let mut client = open_client();
    client.publish(&terms(Version::V311), publication(Qos::ExactlyOnce), &mut Vec::new());
    let (told, out) = receive(&mut client, Version::V311, &[0x50, 2, 0, 1]).unwrap();
    assert!(told.is_empty());
    assert_eq!(out, [0x62, 2, 0, 1]);
    assert_eq!(receive(&mut client, Version::V311, &[0x70, 2, 0, 1]).unwrap().0, [DONE]);
}

#[test]
fn a_refused_publish_is_told() {
    let mut client = open_client();
    client.publish(&terms(Version::V5), publication(Qos::ExactlyOnce), &mut Vec::new());
    let (told, out) = receive(&mut client, Version::V5, &[0x50, 3, 0, 1, 0x97]).unwrap();
    assert_eq!(told, [DONE.replace("Acknowledged(", "Rejected(").replace(" })", " }, QuotaExceeded)")]);
    assert!(out.is_empty(), "[MQTT-4.3.3-4]");
    assert_eq!(inflight(&client), 0);
}

#[test]
fn received_messages_are_answered_and_told_once() {
    let mut client = open_client();
    let qos_1 = b"\x32\x06\0\x01t\0\x09x";
    let (told, out) = receive(&mut client, Version::V311, qos_1).unwrap();
    assert_eq!((told.len(), &out[..]), (1, &[0x40, 2, 0, 9][..]));
    let qos_2 = b"\x34\x06\0\x01t\0\x09x";
    let (told, out) = receive(&mut client, Version::V311, &[&qos_2[..], qos_2].concat()).unwrap();
    assert_eq!(told, ["Message([120])", "Repeated"]);
    assert_eq!(out, [0x50, 2, 0, 9, 0x50, 2, 0, 9]);
    let (_, out) = receive(&mut client, Version::V311, &[0x62, 2, 0, 9]).unwrap();
    assert_eq!(out, [0x70, 2, 0, 9]);
    assert_eq!(receive(&mut client, Version::V311, qos_2).unwrap().0, ["Message([120])"]);
}

#[test]
fn an_idle_client_is_small() {
    assert!(size_of::<Client>() <= 48, "{}", size_of::<Client>());
}

#[test]
fn a_persistent_session_goes_on_where_it_was() {
    let persistent = Terms { session_expiry_s: Some(9), ..terms(Version::V5) };
    let mut client = Client::new();
    client.open_outflow(&persistent);
    let mut out = Vec::new();
    client.connect(&persistent, &me(), &mut out);
    assert_eq!(out, b"\x10\x14\0\x04MQTT\x05\0\0\x3C\x05\x11\0\0\0\x09\0\x02me");
    receive(&mut client, Version::V5, &[0x20, 3, 0, 0, 0]).unwrap();
    client.publish(&persistent, publication(Qos::AtLeastOnce), &mut Vec::new());
    client.lose_connection(&persistent, |_| panic!("nothing is given up"));
    client.connect(&persistent, &me(), &mut Vec::new());
    let (told, _) = receive(&mut client, Version::V5, &[0x20, 3, 1, 0, 0]).unwrap();
    assert_eq!(told, ["Connected { keep_alive_s: None, session_present: true }"]);
    let [Unfinished::Publish(id, _)] = client.unfinished()[..] else { panic!("one is under way") };
    out.clear();
    Client::publish_again(&persistent, id, publication(Qos::AtLeastOnce), &mut out);
    assert_eq!(out, b"\x3A\x07\0\x01t\0\x01\0x");
    client.lose_connection(&terms(Version::V5), |origin| assert_eq!(origin.sender, 3));
    assert_eq!(inflight(&client), 0);
}

/// [MQTT-3.1.2-2 of 3.1.1] such a broker answers in its own form.
#[test]
fn a_broker_that_knows_no_5_0_is_not_taken_for_one_that_sends_junk() {
    let mut client = Client::new();
    client.connect(&terms(Version::V5), &me(), &mut Vec::new());
    let refused = receive(&mut client, Version::V5, &[0x20, 2, 0, 1]);
    assert!(matches!(refused, Err(Fault::OldBroker)), "{refused:?}");
    let mut client = Client::new();
    client.connect(&terms(Version::V311), &me(), &mut Vec::new());
    let refused = receive(&mut client, Version::V311, &[0x20, 2, 0, 1]);
    assert!(matches!(refused, Err(Fault::Refused(_))), "{refused:?}");
}
