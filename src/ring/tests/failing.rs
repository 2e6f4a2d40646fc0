//! What a turn that went wrong leaves behind, and sockets that are asked for two ends.

use super::*;
use crate::network::AnyPoller;
use crate::ring::Ring;

impl Rig {
    fn ring(&mut self) -> &mut Ring {
        match &mut self.net.poller {
            AnyPoller::Uring(uring) => uring.ring(),
            AnyPoller::Epoll(_) => unreachable!("the test is of io_uring"),
        }
    }
}

/// Whose sends were settled, and which entries the kernel has, is unknown then: an enter could send from memory that has
/// another owner by now.
#[test]
fn after_a_failed_turn_the_ring_is_never_entered_again() {
    let mut rig = Rig::with(&Options { sq_entries: 8, ..small() });
    let clients: Vec<_> = (0..32).map(|_| rig.client()).collect();
    rig.send(clients[0].1, b"must not be sent any more");
    let registered = rig.ring().break_down();
    assert!(rig.net.turn(Wait::No, &mut Recorder::default()).is_err());
    rig.ring().mend(registered);
    let enters = rig.ring().enter_count();
    // More entries than the queue has room for.
    for (_, id) in &clients {
        rig.net.receive(*id);
        rig.net.pause(*id);
    }
    assert_eq!(rig.ring().enter_count(), enters, "a full queue enters");
    let error = rig.net.turn(Wait::No, &mut Recorder::default()).unwrap_err();
    assert_eq!(error.to_string(), "an earlier turn has failed");
    drop(rig);
    assert!(read_to_end(clients.into_iter().next().unwrap().0).unwrap_or_default().is_empty());
}

/// Panics when it is told of a connection.
struct Panicking;

impl Handler for Panicking {
    fn accepted(&mut self, _: ListenerId, _: SocketId) {
        panic!("on purpose");
    }
    fn data(&mut self, _: SocketId, _: &mut [u8]) {}
    fn stalled(&mut self, _: SocketId) {}
    fn drained(&mut self, _: SocketId) {}
    fn closed(&mut self, _: SocketId, _: Closed) {}
    fn detached(&mut self, _: SocketId, _: OwnedFd) {}
    fn woken(&mut self) {}
    fn alarm(&mut self) {}
}

#[test]
fn epoll_has_room_for_its_reports_after_a_handler_that_panicked() {
    let mut rig = Rig::new(Engine::Epoll);
    let _first = TcpStream::connect(rig.addr).unwrap();
    let net = &mut rig.net;
    let turn = std::panic::AssertUnwindSafe(|| net.turn(Wait::ForOne, &mut Panicking));
    assert!(std::panic::catch_unwind(turn).is_err());
    rig.client();
}

/// One enter runs 20 items of deferred work, so that some of many sockets are not detached by the turn that begins it.
#[test]
fn closing_what_is_being_detached_ends_within_its_time() {
    let mut rig = Rig::new(Engine::IoUring);
    let clients: Vec<_> = (0..100).map(|_| rig.reading_client()).collect();
    rig.settle();
    clients.iter().for_each(|(_, id)| rig.net.detach(*id));
    rig.turn(Wait::No);
    let gone =
        |rig: &Rig, id| rig.count(|seen| matches!(seen, Seen::Detached(which, _) if *which == id)) == 1;
    let left: Vec<_> = clients.iter().map(|(_, id)| *id).filter(|id| !gone(&rig, *id)).collect();
    assert!(!left.is_empty(), "all were detached at once");
    for id in &left {
        rig.net.close(*id, Close::AfterDrain { linger_ms: 50 });
    }
    for id in left {
        assert_eq!(rig.until_closed(id), Closed::ByUs);
    }
}
