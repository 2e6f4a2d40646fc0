//! Outgoing connections, and connections that move from one thread to another.

use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;

use super::*;

on_both_engines!(
    an_outgoing_connection_carries_bytes_both_ways,
    a_refused_connection_is_reported_and_closed,
    closing_while_connecting_is_reported_once,
    the_source_address_can_be_chosen,
    a_connection_moves_to_another_thread_after_its_first_bytes,
    detaching_sends_what_is_queued_and_delivers_what_has_come,
    detaching_a_connection_that_ends_closes_it,
    addresses_are_those_of_the_connection,
);

fn an_outgoing_connection_carries_bytes_both_ways(engine: Engine) {
    let mut rig = Rig::new(engine);
    let id = rig.net.connect(rig.addr, None).unwrap();
    rig.net.receive(id);
    rig.send(id, b"queued before the connection stands");
    let server = rig.until("accepted", |rig| {
        rig.seen.iter().find_map(|seen| if let Seen::Accepted(id) = seen { Some(*id) } else { None })
    });
    rig.net.receive(server);
    rig.until_received(server, b"queued before the connection stands");
    assert_eq!(rig.count(|seen| matches!(seen, Seen::Connected(which, Ok(())) if *which == id)), 1);
    rig.send(server, b"answer");
    rig.until_received(id, b"answer");
    assert_eq!(rig.net.stats().connected, 1);
}

fn a_refused_connection_is_reported_and_closed(engine: Engine) {
    let mut rig = Rig::new(engine);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let id = rig.net.connect(nobody, None).unwrap();
    assert_eq!(rig.until_closed(id), Closed::Error(libc::ECONNREFUSED));
    let refused = |seen: &Seen| matches!(seen, Seen::Connected(_, Err(error)) if error.raw_os_error() == Some(libc::ECONNREFUSED));
    assert_eq!(rig.count(refused), 1);
}

fn closing_while_connecting_is_reported_once(engine: Engine) {
    let mut rig = Rig::new(engine);
    let id = rig.net.connect(rig.addr, None).unwrap();
    rig.net.close(id, Close::Now);
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    rig.settle();
    assert_eq!(rig.count(|seen| matches!(seen, Seen::Connected(..))), 0);
    assert_eq!(rig.why_closed(id), Some(Closed::ByUs));
}

fn the_source_address_can_be_chosen(engine: Engine) {
    let mut rig = Rig::new(engine);
    let id = rig.net.connect(rig.addr, Some("127.0.0.9:0".parse().unwrap())).unwrap();
    rig.until("connected", |rig| {
        (rig.count(|seen| matches!(seen, Seen::Connected(_, Ok(())))) == 1).then_some(())
    });
    assert_eq!(rig.net.local(id).unwrap().ip().to_string(), "127.0.0.9");
}

fn a_connection_moves_to_another_thread_after_its_first_bytes(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (sender, receiver) = mpsc::channel::<OwnedFd>();
    let home = thread::spawn(move || {
        let mut home = Rig::new(engine);
        for fd in receiver {
            let id = home.net.adopt(fd).unwrap();
            home.net.receive(id);
            home.until_received(id, b"after");
            home.send(id, b"home");
            home.net.close(id, Close::AfterDrain { linger_ms: 20_000 });
            assert_eq!(home.until_closed(id), Closed::ByUs);
        }
    });
    for _ in 0..20 {
        let (mut stream, id) = rig.client();
        rig.net.receive_once(id);
        stream.write_all(b"before").unwrap();
        rig.until_received(id, b"before");
        rig.net.detach(id);
        // These may arrive before, during or after the hand-over.
        stream.write_all(b"after").unwrap();
        let fd = rig.until("detached", |rig| {
            let at = rig.seen.iter().position(|seen| matches!(seen, Seen::Detached(..)))?;
            let Seen::Detached(_, fd) = rig.seen.remove(at) else { unreachable!() };
            Some(fd)
        });
        assert_eq!(rig.received(id), b"before");
        sender.send(fd).unwrap();
        assert_eq!(read_to_end(stream).unwrap(), b"home");
        assert_eq!(rig.why_closed(id), None, "a detached socket is not closed");
    }
    drop(sender);
    home.join().unwrap();
}

fn detaching_sends_what_is_queued_and_delivers_what_has_come(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    rig.turn(Wait::No);
    rig.net.pause(id);
    stream.write_all(b"come").unwrap();
    rig.send(id, b"queued");
    rig.net.detach(id);
    let fd = rig.until("detached", |rig| {
        let at = rig.seen.iter().position(|seen| matches!(seen, Seen::Detached(..)))?;
        let Seen::Detached(_, fd) = rig.seen.remove(at) else { unreachable!() };
        Some(fd)
    });
    let mut queued = [0; 6];
    stream.read_exact(&mut queued).unwrap();
    assert_eq!(&queued, b"queued");
    // Whatever was not delivered here is still in the kernel for the next owner.
    let mut other = Rig::new(engine);
    let mut come = rig.received(id);
    let next = other.net.adopt(fd).unwrap();
    other.net.receive(next);
    other.until("the rest", |other| (come.len() + other.received(next).len() == 4).then_some(()));
    come.extend(other.received(next));
    assert_eq!(come, b"come");
}

fn detaching_a_connection_that_ends_closes_it(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(pattern(20 << 20)));
    rig.net.send(id);
    rig.turn(Wait::No);
    rig.net.detach(id);
    rig.settle();
    drop(stream);
    let why = rig.until_closed(id);
    assert!(matches!(why, Closed::Reset | Closed::Eof), "{why:?}");
    assert_eq!(rig.count(|seen| matches!(seen, Seen::Detached(..))), 0);
}

fn addresses_are_those_of_the_connection(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.client();
    assert_eq!(rig.net.peer(id), Some(stream.local_addr().unwrap()));
    assert_eq!(rig.net.local(id), Some(rig.addr));
    assert_eq!(rig.net.listener_addr(rig.listener), Some(rig.addr));
}
