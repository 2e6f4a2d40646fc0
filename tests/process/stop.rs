//! From the signal to the end of the process.

use std::time::Duration;

use ringmq_protocol::{PacketType, Qos, Reason, Version};
use rustix::process::Signal;

use crate::broker::{Engine, Plan, on_both_engines};
use crate::certificates::{self, Terms};
use crate::client::{Client, Received};
use crate::sockets::{self, End, read_to_end, write_until_stuck};

/// The defaults of `close_linger_ms` and `stop_timeout_ms`, and a margin for a busy machine.
const STOP_MAX: Duration = Duration::from_secs(2 + 5);

on_both_engines! {
    clients_are_told_and_the_process_ends,
    stuck_clients_do_not_hold_it_up,
    strangers_do_not_hold_it_up,
}

/// Server shutting down is 0x8B; before 5.0 there is no packet for it.
fn clients_are_told_and_the_process_ends(engine: Engine) {
    for (shards, signal) in [(1, Signal::INT), (3, Signal::TERM)] {
        let broker = Plan::new(engine).shards(shards).start();
        let mut v5: Vec<Client> = (0..10).map(|n| Client::connect(&broker, &format!("v5-{n}"))).collect();
        let stream = sockets::connect(broker.tcp());
        let mut v311 = Client::new(stream, Version::V311).accepted("v311");
        let mut tls = certificates::connect(&broker, &Terms::of(&broker).config(), "tls");
        let (status, time) = broker.stop(signal);
        assert!(status.success(), "{status}");
        assert!(time < Duration::from_secs(2), "nobody has to be waited for, it took {time:?}");
        for client in &mut v5 {
            assert_eq!(client.next(), Received::Disconnect(Reason::ServerShuttingDown));
            assert_eq!(client.next(), Received::Eof);
        }
        assert_eq!(v311.next(), Received::Eof);
        assert_eq!(tls.next(), Received::Disconnect(Reason::ServerShuttingDown));
        assert_eq!(tls.next(), Received::Eof, "with close_notify");
    }
}

/// One client does not read what it is sent, one has no room for its acknowledgements, one is in a TLS handshake.
fn stuck_clients_do_not_hold_it_up(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
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
    std::io::Write::write_all(&mut shaking, &[0x16, 0x03, 0x01, 0x02]).expect("the broker reads");
    let (status, time) = broker.stop(Signal::TERM);
    assert!(status.success(), "{status}");
    assert!(time < STOP_MAX, "it took {time:?}");
}

const PINGREQ: [u8; 2] = [(PacketType::Pingreq as u8) << 4, 0];

fn strangers_do_not_hold_it_up(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let mut silent: Vec<_> = (0..20).map(|_| sockets::connect(broker.tcp())).collect();
    silent.extend((0..20).map(|_| sockets::connect(broker.tls())));
    Client::connect(&broker, "someone").ping();
    let (status, time) = broker.stop(Signal::TERM);
    assert!(status.success(), "{status}");
    assert!(time < Duration::from_secs(2), "nobody has to be waited for, it took {time:?}");
    for stream in &mut silent {
        assert_eq!(read_to_end(stream, Duration::from_secs(1)), (Vec::new(), End::Eof));
    }
}
