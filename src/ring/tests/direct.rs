//! Sockets in the ring's own table of files: their way in, out, and what happens without places or descriptors.

use std::os::fd::AsRawFd;

use super::accepting::{in_a_process_of_its_own, limit_files};
use super::*;

/// Makes tests of functions that are passed over where the kernel has no direct descriptors.
macro_rules! where_there_are_tables {
    ($($name:ident),* $(,)?) => {
        mod io_uring {
            $(#[test] fn $name() {
                if crate::probe::direct_files().is_ok() {
                    super::$name();
                }
            })*
        }
    };
}

where_there_are_tables!(
    a_socket_that_is_read_once_keeps_its_descriptor,
    a_place_is_used_again_and_the_connection_before_is_closed_by_then,
    beyond_the_table_sockets_keep_their_descriptors_and_are_counted_once,
    a_place_that_the_kernel_refuses_leaves_the_descriptor,
    closing_while_a_slow_send_is_in_flight_waits_for_it,
    closing_in_order_sends_everything_and_then_the_end,
    a_socket_moves_out_of_one_table_into_another,
    closing_while_being_detached_is_reported_once,
    dropping_the_network_ends_the_connections_in_its_table,
    more_sockets_than_descriptors_can_stand,
    without_descriptors_sockets_end_as_well_as_they_can,
);

/// A network with a table of so many places.
fn rig(direct_max: u32) -> Rig {
    Rig::with(&Options { engine: Engine::IoUring, direct_max, ..small() })
}

/// A client and its accepted socket, which is in the table.
fn direct_client(rig: &mut Rig) -> (TcpStream, SocketId) {
    let before = rig.net.stats().direct;
    let (mut stream, id) = rig.reading_client();
    stream.write_all(b"hello").unwrap();
    rig.until_received(id, b"hello");
    assert_eq!(rig.net.stats().direct, before + 1);
    (stream, id)
}

fn stall(rig: &mut Rig, id: SocketId) {
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(pattern(20 << 20)));
    rig.net.send(id);
    rig.until("stalled", |rig| {
        rig.seen.iter().any(|seen| matches!(seen, Seen::Stalled(which) if *which == id)).then_some(())
    });
}

fn detach(rig: &mut Rig, id: SocketId) -> OwnedFd {
    rig.net.detach(id);
    rig.until("detached", |rig| {
        let at = rig.seen.iter().position(|seen| matches!(seen, Seen::Detached(which, _) if *which == id))?;
        let Seen::Detached(_, fd) = rig.seen.remove(at) else { unreachable!() };
        Some(fd)
    })
}

fn a_socket_that_is_read_once_keeps_its_descriptor() {
    let mut rig = rig(8);
    let (mut stream, id) = rig.client();
    rig.net.receive_once(id);
    stream.write_all(b"hello").unwrap();
    rig.until_received(id, b"hello");
    assert_eq!(rig.net.stats().direct, 0);
    assert!(rig.net.peer(id).is_some());
    rig.net.receive(id);
    stream.write_all(b" again").unwrap();
    rig.until_received(id, b"hello again");
    assert_eq!(rig.net.stats().direct, 1);
    assert_eq!(rig.net.peer(id), None, "a direct descriptor has no address to ask for");
}

fn a_place_is_used_again_and_the_connection_before_is_closed_by_then() {
    let mut rig = rig(1);
    for _ in 0..20 {
        let (stream, id) = direct_client(&mut rig);
        assert_eq!(id.index(), 0);
        rig.net.close(id, Close::Now);
        rig.until_closed(id);
        // Without another turn.
        assert_eq!(read_to_end(stream).unwrap(), b"");
    }
    let stats = rig.net.stats();
    assert_eq!((stats.direct, stats.direct_refused, stats.completions_late), (0, 0, 0));
}

fn beyond_the_table_sockets_keep_their_descriptors_and_are_counted_once() {
    let mut rig = rig(2);
    let first = direct_client(&mut rig);
    let _second = direct_client(&mut rig);
    let (mut stream, third) = rig.reading_client();
    for round in 1..4 {
        stream.write_all(b"more").unwrap();
        rig.until_received(third, &b"more".repeat(round));
        rig.net.pause(third);
        rig.settle();
        rig.net.resume(third);
    }
    assert_eq!((rig.net.stats().direct, rig.net.stats().direct_refused), (2, 1));
    rig.send(third, b"back");
    rig.net.close(third, Close::AfterDrain { linger_ms: 20_000 });
    rig.settle();
    assert_eq!(read_to_end(stream).unwrap(), b"back");
    rig.until_closed(third);
    drop(first.0);
    rig.until_closed(first.1);
    direct_client(&mut rig);
}

fn a_place_that_the_kernel_refuses_leaves_the_descriptor() {
    let mut rig = rig(1);
    let crate::network::AnyPoller::Uring(uring) = &mut rig.net.poller else { unreachable!() };
    uring.pretend_places(100);
    let _first = direct_client(&mut rig);
    let (mut stream, second) = rig.reading_client();
    rig.send(second, b"out");
    stream.write_all(b"in").unwrap();
    rig.until_received(second, b"in");
    let mut out = [0; 3];
    stream.read_exact(&mut out).unwrap();
    assert_eq!((rig.net.stats().direct, rig.net.stats().direct_refused), (1, 1));
    drop(stream);
    assert_eq!(rig.until_closed(second), Closed::Eof);
    // Asked to end before the refusal is known.
    let (stream, third) = rig.reading_client();
    rig.net.close(third, Close::Now);
    assert_eq!(rig.until_closed(third), Closed::ByUs);
    assert_eq!(read_to_end(stream).unwrap(), b"");
}

fn closing_while_a_slow_send_is_in_flight_waits_for_it() {
    let mut rig = rig(4);
    for how in [Close::Now, Close::Reset, Close::AfterDrain { linger_ms: 0 }] {
        let (stream, id) = direct_client(&mut rig);
        stall(&mut rig, id);
        rig.net.close(id, how);
        assert_eq!(rig.until_closed(id), Closed::ByUs);
        if how == Close::Reset {
            assert_eq!(read_to_end(stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    }
    assert_eq!((rig.net.stats().sockets, rig.net.stats().direct), (0, 0));
}

fn closing_in_order_sends_everything_and_then_the_end() {
    let mut rig = rig(4);
    let (stream, id) = direct_client(&mut rig);
    let whole = pattern(5 << 20);
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(whole.clone()));
    rig.net.close(id, Close::AfterDrain { linger_ms: 20_000 });
    let reader = std::thread::spawn(move || read_to_end(stream));
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert!(reader.join().unwrap().unwrap() == whole);
    assert_eq!(rig.net.stats().direct_recalled, 1);
}

fn a_socket_moves_out_of_one_table_into_another() {
    let (mut here, mut there) = (rig(4), rig(4));
    let (mut stream, id) = direct_client(&mut here);
    stream.write_all(b", on the way").unwrap();
    let fd = detach(&mut here, id);
    assert_eq!((here.net.stats().direct, here.net.stats().direct_recalled), (0, 1));
    let next = there.net.adopt(fd).unwrap();
    assert_eq!(there.net.peer(next), Some(stream.local_addr().unwrap()));
    there.net.receive(next);
    stream.write_all(b", there").unwrap();
    let come = here.received(id).len();
    let whole = b"hello, on the way, there";
    there.until_received(next, &whole[come..]);
    assert_eq!(there.net.stats().direct, 1);
    drop(stream);
    assert_eq!(there.until_closed(next), Closed::Eof);
}

fn closing_while_being_detached_is_reported_once() {
    let mut rig = rig(4);
    let (stream, id) = direct_client(&mut rig);
    rig.net.detach(id);
    rig.turn(Wait::No);
    rig.net.close(id, Close::Now);
    rig.settle();
    let detached = rig.count(|seen| matches!(seen, Seen::Detached(..)));
    let closed = usize::from(rig.why_closed(id).is_some());
    assert_eq!(detached + closed, 1);
    rig.seen.clear();
    assert_eq!(read_to_end(stream).unwrap(), b"");
    assert_eq!((rig.net.stats().sockets, rig.net.stats().direct), (0, 0));
}

fn dropping_the_network_ends_the_connections_in_its_table() {
    let mut rig = rig(4);
    let (stream, _) = direct_client(&mut rig);
    drop(rig);
    assert_eq!(read_to_end(stream).unwrap(), b"");
}

/// The limit of open files concerns the whole process, hence one of its own.
fn more_sockets_than_descriptors_can_stand() {
    if !in_a_process_of_its_own("tests::direct::io_uring::more_sockets_than_descriptors_can_stand") {
        return;
    }
    let mut rig = rig(400);
    limit_files(64);
    for count in 1..=100 {
        let near = rig.net.connect(rig.addr, None).unwrap();
        rig.net.receive(near);
        let far = rig.until("accepted", |rig| {
            let at = rig.seen.iter().position(|seen| matches!(seen, Seen::Accepted(_)))?;
            let Seen::Accepted(id) = rig.seen.remove(at) else { unreachable!() };
            Some(id)
        });
        rig.net.receive(far);
        rig.send(near, b"hello");
        rig.until_received(far, b"hello");
        assert_eq!(rig.net.stats().direct, 2 * count);
    }
}

/// As above.
fn without_descriptors_sockets_end_as_well_as_they_can() {
    if !in_a_process_of_its_own(
        "tests::direct::io_uring::without_descriptors_sockets_end_as_well_as_they_can",
    ) {
        return;
    }
    let mut rig = rig(8);
    let (draining, first) = direct_client(&mut rig);
    let (detaching, second) = direct_client(&mut rig);
    let (resetting, third) = direct_client(&mut rig);
    let free = OwnedFd::from(std::fs::File::open("/dev/null").unwrap()).as_raw_fd();
    limit_files(u64::try_from(free).unwrap());
    rig.send(first, b"last words");
    rig.net.close(first, Close::AfterDrain { linger_ms: 20_000 });
    assert_eq!(rig.until_closed(first), Closed::ByUs);
    rig.net.detach(second);
    assert_eq!(rig.until_closed(second), Closed::Error(libc::EMFILE));
    rig.net.close(third, Close::Reset);
    assert_eq!(rig.until_closed(third), Closed::ByUs);
    assert_eq!(read_to_end(draining).unwrap(), b"last words");
    assert_eq!(read_to_end(detaching).unwrap(), b"");
    assert_eq!(read_to_end(resetting).unwrap(), b"");
    assert_eq!((rig.net.stats().direct, rig.net.stats().direct_recalls_failed), (0, 3));
}
