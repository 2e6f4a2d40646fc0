//! The bounds on connections and handshakes: reached, told, counted, and left again.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use ringmq_broker::cause::Cause;
use ringmq_protocol::{Reason, Version};

use crate::broker::{Engine, Plan, on_both_engines};
use crate::client::{self, Client, Received};
use crate::observer::{EVERY_SECOND, Observer};
use crate::sockets::{self, End, QUICK, read_to_end};

on_both_engines! {
    a_full_server_says_so,
    too_many_handshakes_are_closed,
    sessions_are_counted_over_all_shards,
}

/// Server busy is 0x89; 3.1.1 has return code 3 for it.
fn a_full_server_says_so(engine: Engine) {
    const MAX: usize = 20;
    for shards in [1, 3] {
        let plan = Plan::new(engine).shards(shards).set(EVERY_SECOND);
        let broker = plan.set(&format!("limits.connections_max={MAX}")).start();
        let mut observer = Observer::of(&broker);
        let mut clients: Vec<Client> =
            (1..MAX).map(|n| Client::connect(&broker, &format!("fits-{n}"))).collect();
        for version in [Version::V5, Version::V311] {
            let mut late = Client::new(sockets::connect(broker.tcp()), version);
            let told = late.try_connect("one-too-many");
            let expected = if version.is_v5() { Reason::ServerBusy } else { Reason::ServerUnavailable };
            assert_eq!(told, Received::Connack(expected));
            assert_eq!(late.next(), Received::Eof);
        }
        observer.wait_for_ends(Cause::ServerFull, 2);
        clients.iter_mut().for_each(Client::ping);
        clients.pop().expect("there are many").disconnect();
        observer.wait_for("gauges/connections", |connections| connections == MAX as u64 - 1);
        clients.push(Client::connect(&broker, "fits-again"));
        broker.finish();
    }
}

fn too_many_handshakes_are_closed(engine: Engine) {
    const MAX: usize = 10;
    let plan = Plan::new(engine).set(EVERY_SECOND).set("mqtt.connect_timeout_ms=3000");
    let broker = plan.set(&format!("limits.handshakes_max={MAX}")).start();
    let mut observer = Observer::of(&broker);
    let mut silent: Vec<_> = (0..MAX).map(|_| sockets::connect(broker.tcp())).collect();
    observer.wait_for("gauges/handshakes", |handshakes| handshakes == MAX as u64);
    for _ in 0..5 {
        is_refused(broker.tcp());
    }
    observer.wait_for_ends(Cause::HandshakesFull, 5);
    for stream in &mut silent {
        assert_eq!(read_to_end(stream, sockets::PATIENCE).0, [0_u8; 0]);
    }
    Client::connect(&broker, "let-in-again").ping();
    observer.wait_for_ends(Cause::ConnectTimeout, MAX as u64);
    observer.wait_for("gauges/handshakes", |handshakes| handshakes == 0);
    broker.finish();
}

/// On four shards as on one: the last of ten gets in, the eleventh does not.
fn sessions_are_counted_over_all_shards(engine: Engine) {
    const MAX: usize = 10;
    let limits = [format!("limits.sessions_max={MAX}"), format!("limits.connections_max={MAX}")];
    let plan = limits.iter().fold(Plan::new(engine).shards(4), |plan, limit| plan.set(limit));
    let broker = plan.start();
    // A session that outlives its connection; tells the return code.
    let connect = |name: &str| {
        let mut client = Client::new(sockets::connect(broker.tcp()), Version::V311);
        let mut bytes = client::connect_bytes(Version::V311, name);
        let clean_session = &mut bytes[9];
        *clean_session &= !0b10;
        client.write(&bytes);
        let answer = client.next();
        if answer == Received::Connack(Reason::Success) {
            client.disconnect();
        }
        answer
    };
    let names: Vec<String> = (0..MAX).map(|n| format!("session-{n}")).collect();
    for name in &names {
        assert_eq!(connect(name), Received::Connack(Reason::Success), "{name}");
    }
    assert_eq!(connect("one-too-many"), Received::Connack(Reason::ServerUnavailable));
    for name in &names {
        assert_eq!(connect(name), Received::Connack(Reason::Success), "{name} has its place");
    }
    broker.finish();
}

/// The connection is reset, at the latest when it is read from.
fn is_refused(port: SocketAddr) {
    match TcpStream::connect(port) {
        Ok(mut stream) => assert_eq!(read_to_end(&mut stream, QUICK), (Vec::new(), End::Reset)),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}
