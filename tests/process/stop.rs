//! From the signal to the end of the process.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use ringmq_protocol::{PacketType, Qos, Reason, Version};
use rustix::process::{Signal, kill_process};

use crate::broker::{Engine, Plan, on_both_engines};
use crate::certificates::{self, Terms};
use crate::client::{Client, Received, Stream, connect_bytes};
use crate::sockets::{self, End, read_to_end, write_until_stuck};

/// How long a client is waited for that was told and does not close.
const CLOSE_LINGER: Duration = Duration::from_secs(1);
/// That and a margin for a busy machine, below the default of `stop_timeout_ms`.
const STOP_MAX: Duration = Duration::from_millis(3500);

on_both_engines! {
    clients_are_told_and_the_process_ends,
    stuck_clients_do_not_hold_it_up,
    strangers_do_not_hold_it_up,
    connections_of_the_last_moment_do_not_hold_it_up,
    its_ports_are_closed_when_it_has_ended,
    a_hang_up_of_the_terminal_does_not_stop_it,
}

fn plan(engine: Engine) -> Plan {
    Plan::new(engine).close_linger_ms(CLOSE_LINGER.as_millis() as u32)
}

/// Server shutting down is 0x8B; before 5.0 there is no packet for it. Clients that heed it are all that is waited for.
fn clients_are_told_and_the_process_ends(engine: Engine) {
    for (shards, signal) in [(1, Signal::INT), (3, Signal::TERM)] {
        let broker = plan(engine).shards(shards).start();
        let v5: Vec<Client> = (0..10).map(|n| Client::connect(&broker, &format!("v5-{n}"))).collect();
        let v311 = Client::new(sockets::connect(broker.tcp()), Version::V311).accepted("v311");
        let tls = certificates::connect(&broker, &Terms::of(&broker).config(), "tls");
        let told = Received::Disconnect(Reason::ServerShuttingDown);
        thread::scope(|scope| {
            v5.into_iter()
                .for_each(|client| drop(scope.spawn(|| hears(client, &[told.clone(), Received::Eof]))));
            scope.spawn(|| hears(v311, &[Received::Eof]));
            // The end of the stream is close_notify here.
            scope.spawn(|| hears(tls, &[told.clone(), Received::Eof]));
            let (status, time) = broker.stop(signal);
            assert!(status.success(), "{status}");
            assert!(time < CLOSE_LINGER, "it took {time:?}");
        });
    }
}

fn hears<S: Stream>(mut client: Client<S>, expected: &[Received]) {
    for expected in expected {
        assert_eq!(client.next(), *expected);
    }
}

/// One client does not read what it is sent, one has no room for its acknowledgements, one is in a TLS handshake.
fn stuck_clients_do_not_hold_it_up(engine: Engine) {
    let broker = plan(engine).shards(3).start();
    let mut deaf = Client::connect_narrow(&broker, "deaf");
    deaf.subscribe("flood", Qos::AtMostOnce);
    let mut publisher = Client::connect(&broker, "publisher");
    for _ in 0..64 {
        publisher.publish("flood", &[7; 256 << 10]);
    }
    publisher.ping();
    let mut stuck = Client::connect_narrow(&broker, "stuck");
    let pings = PINGREQ.repeat(32 << 10);
    write_until_stuck(&mut stuck.stream, &pings, Duration::from_millis(200), 64 << 20);
    let mut shaking = sockets::connect(broker.tls());
    shaking.write_all(&[0x16, 0x03, 0x01, 0x02]).expect("the broker reads");
    let (status, time) = broker.stop(Signal::TERM);
    assert!(status.success(), "{status}");
    assert!(time < STOP_MAX, "it took {time:?}");
}

const PINGREQ: [u8; 2] = [(PacketType::Pingreq as u8) << 4, 0];

fn strangers_do_not_hold_it_up(engine: Engine) {
    let broker = plan(engine).shards(3).start();
    let mut silent: Vec<_> = (0..20).map(|_| sockets::connect(broker.tcp())).collect();
    silent.extend((0..20).map(|_| sockets::connect(broker.tls())));
    Client::connect(&broker, "someone").ping();
    let (status, time) = broker.stop(Signal::TERM);
    assert!(status.success(), "{status}");
    assert!(time < STOP_MAX, "it took {time:?}");
    for stream in &mut silent {
        // One that the kernel had not handed over yet is reset with the listener; either way it hears nothing.
        let (heard, end) = read_to_end(stream, Duration::from_secs(1));
        assert!(heard.is_empty() && matches!(end, End::Eof | End::Reset), "{heard:?} {end:?}");
    }
}

/// Whatever is accepted, or handed from shard to shard, while the broker begins to stop. Often enough that some are.
fn connections_of_the_last_moment_do_not_hold_it_up(engine: Engine) {
    for _ in 0..6 {
        let broker = Plan::new(engine).shards(3).start();
        let mut late: Vec<_> = (0..6).map(|_| sockets::connect(broker.tcp())).collect();
        for (n, stream) in late.iter_mut().step_by(2).enumerate() {
            stream.write_all(&connect_bytes(Version::V5, &format!("late-{n}"))).expect("the kernel takes it");
        }
        let (status, time) = broker.stop(Signal::TERM);
        assert!(status.success(), "{status}");
        assert!(time < STOP_MAX, "it took {time:?}");
    }
}

/// An end that waits for no client, which the kernel's own work would outlive.
fn its_ports_are_closed_when_it_has_ended(engine: Engine) {
    for shards in [1, 2, 4, 4] {
        let mut broker = plan(engine).shards(shards).start();
        let ports = [broker.tcp(), broker.tls()];
        Client::connect(&broker, "someone").disconnect();
        let status = broker.stop_at_once(Signal::TERM);
        let taken = ports.map(|port| TcpStream::connect(port).map_err(|error| error.kind()));
        assert!(status.success(), "{status}");
        for outcome in taken {
            assert_eq!(outcome.err(), Some(ErrorKind::ConnectionRefused), "{shards} shards");
        }
    }
}

fn a_hang_up_of_the_terminal_does_not_stop_it(engine: Engine) {
    let broker = plan(engine).start();
    let mut client = Client::connect(&broker, "someone");
    kill_process(broker.pid(), Signal::HUP).expect("the broker runs");
    let told = broker.wait_for_line("SIGHUP is ignored", sockets::PATIENCE);
    assert!(told.is_some_and(|line| line.contains("INFO") && line.contains("restart")), "{}", broker.log());
    client.ping();
    client.disconnect();
    broker.finish();
}
