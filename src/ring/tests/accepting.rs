//! Listeners: limits, refusals of the kernel, and their end.

use super::*;

on_both_engines!(
    a_port_is_closed_when_the_network_is_gone,
    what_came_before_a_reset_is_read_though_it_was_accepted_later,
    beyond_the_limit_connections_are_refused_and_counted,
    without_descriptors_the_listener_rests_and_recovers,
    a_stopped_listener_refuses,
    two_listeners_are_told_apart,
);

fn beyond_the_limit_connections_are_refused_and_counted(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, sockets_max: 2, ..small() });
    let (first, id) = rig.client();
    let (_second, _) = rig.client();
    let third = TcpStream::connect(rig.addr).unwrap();
    let kind = rig.until("refused", |rig| {
        rig.seen
            .iter()
            .find_map(|seen| if let Seen::AcceptFailed(error) = seen { Some(error.kind()) } else { None })
    });
    assert_eq!(kind, io::ErrorKind::QuotaExceeded);
    assert_eq!(rig.net.stats().accept_refused, 1);
    assert!(matches!(read_to_end(third), Ok(bytes) if bytes.is_empty()));
    rig.net.close(id, Close::Now);
    rig.until_closed(id);
    drop(first);
    rig.client();
}

/// Sets the soft limit of open files and returns the old one.
pub(super) fn limit_files(count: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the limit is read from and written to the places given.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        let old = limit.rlim_cur;
        limit.rlim_cur = count;
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        old
    }
}

/// Whether this process is there for one test alone, as it must be where a limit of the whole process is changed. If not,
/// runs that test in such a process.
pub(super) fn in_a_process_of_its_own(test: &str) -> bool {
    const CHILD: &str = "RINGMQ_RING_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--test-threads=1"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let output =
        String::from_utf8_lossy(&child.stdout).into_owned() + &String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && output.contains("1 passed"), "{output}");
    false
}

fn without_descriptors_the_listener_rests_and_recovers(engine: Engine) {
    let module = match (engine, DIRECT_MAX.get()) {
        (Engine::Epoll, _) => "epoll",
        (Engine::IoUring, 0) => "io_uring_without_table",
        (Engine::IoUring, _) => "io_uring",
    };
    let name = "without_descriptors_the_listener_rests_and_recovers";
    if !in_a_process_of_its_own(&format!("tests::accepting::{module}::{name}")) {
        return;
    }
    let mut rig = Rig::with(&Options { engine, accept_rest_ms: 20, ..small() });
    let stream = TcpStream::connect(rig.addr).unwrap();
    let old = limit_files(std::os::fd::AsRawFd::as_raw_fd(&stream) as u64 + 1);
    let start = Instant::now();
    let failures = |rig: &Rig| {
        rig.count(
            |seen| matches!(seen, Seen::AcceptFailed(error) if error.raw_os_error() == Some(libc::EMFILE)),
        )
    };
    rig.until("three failures", |rig| (failures(rig) >= 3).then_some(()));
    assert!(start.elapsed() >= Duration::from_millis(40), "the listener rests between attempts");
    limit_files(old);
    rig.until("accepted", |rig| rig.seen.iter().any(|seen| matches!(seen, Seen::Accepted(_))).then_some(()));
}

fn a_stopped_listener_refuses(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    rig.net.stop_listening(rig.listener);
    rig.net.stop_listening(rig.listener);
    rig.settle();
    assert_eq!(TcpStream::connect(rig.addr).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    stream.write_all(b"still here").unwrap();
    rig.until_received(id, b"still here");
}

fn two_listeners_are_told_apart(engine: Engine) {
    struct Which(Vec<ListenerId>);
    impl Handler for Which {
        fn accepted(&mut self, listener: ListenerId, _: SocketId) {
            self.0.push(listener);
        }
        fn data(&mut self, _: SocketId, _: &mut [u8]) {}
        fn stalled(&mut self, _: SocketId) {}
        fn drained(&mut self, _: SocketId) {}
        fn closed(&mut self, _: SocketId, _: Closed) {}
        fn detached(&mut self, _: SocketId, _: OwnedFd) {}
        fn woken(&mut self) {}
        fn alarm(&mut self) {}
    }
    let mut rig = Rig::new(engine);
    let second = bind("127.0.0.1:0".parse().unwrap(), &BindOptions::default()).unwrap();
    let second_addr = second.local_addr().unwrap();
    let second = rig.net.listen(second).unwrap();
    let mut which = Which(Vec::new());
    for (addr, expected) in [(second_addr, second), (rig.addr, rig.listener), (second_addr, second)] {
        let _stream = TcpStream::connect(addr).unwrap();
        which.0.clear();
        while which.0.is_empty() {
            rig.net.turn(Wait::ForOne, &mut which).unwrap();
        }
        assert_eq!(which.0, [expected]);
    }
}

/// Though the kernel may still be at work on the last accept.
fn a_port_is_closed_when_the_network_is_gone(engine: Engine) {
    for stops_first in [true, false] {
        for _ in 0..10 {
            let mut rig = Rig::new(engine);
            let client = rig.client();
            if stops_first {
                rig.net.stop_listening(rig.listener);
            }
            let Rig { net, addr, .. } = rig;
            drop(net);
            let refused = TcpStream::connect(addr).map_err(|error| error.kind());
            assert_eq!(refused.err(), Some(io::ErrorKind::ConnectionRefused), "stops first: {stops_first}");
            drop(client);
        }
    }
}

fn what_came_before_a_reset_is_read_though_it_was_accepted_later(engine: Engine) {
    let mut rig = Rig::new(engine);
    rig.settle();
    let mut stream = TcpStream::connect(rig.addr).unwrap();
    let expected = stream.local_addr().unwrap();
    let words = pattern(20_000);
    stream.write_all(&words).unwrap();
    crate::listener::close_with_reset(std::os::fd::AsRawFd::as_raw_fd(&stream));
    drop(stream);
    let id = rig.until("accepted", |rig| {
        rig.seen.iter().find_map(|seen| if let Seen::Accepted(id) = seen { Some(*id) } else { None })
    });
    assert_eq!(rig.net.peer(id), Some(expected));
    rig.net.receive_once(id);
    rig.until("data", |rig| (!rig.received(id).is_empty()).then_some(()));
    // An answer meets the reset, which must not cost what is still to be read.
    rig.send(id, b"answer");
    rig.net.receive(id);
    assert_eq!(rig.until_closed(id), Closed::Reset);
    assert!(rig.received(id) == words, "{} of {} bytes", rig.received(id).len(), words.len());
}
