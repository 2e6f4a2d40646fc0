//! The ways in which a socket ends.

use std::thread;

use super::*;

on_both_engines!(
    the_end_of_the_stream_is_reported_after_its_bytes,
    a_reset_by_the_peer_is_reported,
    close_now_is_reported_once_and_ends_the_connection,
    close_with_a_reset_is_a_reset_to_the_peer,
    close_after_drain_sends_everything_first,
    lingering_is_limited,
    bytes_that_arrive_while_lingering_are_discarded_without_a_reset,
    closing_with_a_stalled_send_is_clean,
    a_reused_slot_hears_nothing_of_its_predecessor,
    dead_ids_are_harmless,
    dropping_the_network_with_everything_in_flight_is_clean,
);

fn the_end_of_the_stream_is_reported_after_its_bytes(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    let whole = pattern(10_000);
    stream.write_all(&whole).unwrap();
    drop(stream);
    assert_eq!(rig.until_closed(id), Closed::Eof);
    assert!(rig.received(id) == whole);
    assert_eq!(rig.net.stats().sockets, 0);
}

fn a_reset_by_the_peer_is_reported(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    crate::listener::close_with_reset(std::os::fd::AsRawFd::as_raw_fd(&stream));
    drop(stream);
    assert_eq!(rig.until_closed(id), Closed::Reset);
}

fn close_now_is_reported_once_and_ends_the_connection(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    rig.turn(Wait::No);
    rig.net.close(id, Close::Now);
    rig.net.close(id, Close::Now);
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    rig.settle();
    assert_eq!(rig.why_closed(id), Some(Closed::ByUs));
    assert_eq!(read_to_end(stream).unwrap(), b"");
}

fn close_with_a_reset_is_a_reset_to_the_peer(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    rig.net.close(id, Close::Reset);
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert_eq!(read_to_end(stream).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

fn close_after_drain_sends_everything_first(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    let whole = pattern(5 << 20);
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(whole.clone()));
    rig.net.close(id, Close::AfterDrain { linger_ms: 20_000 });
    assert!(rig.net.send_queue(id).is_none(), "nothing can follow the last word");
    let reader = thread::spawn(move || read_to_end(stream));
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert!(reader.join().unwrap().unwrap() == whole);
}

fn lingering_is_limited(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (_stream, id) = rig.reading_client();
    let start = Instant::now();
    rig.net.close(id, Close::AfterDrain { linger_ms: 50 });
    // The peer neither reads nor closes.
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert!(start.elapsed() >= Duration::from_millis(50));
    let (_stream, stalled) = rig.reading_client();
    rig.net.send_queue(stalled).unwrap().push(Segment::Bytes(pattern(20 << 20)));
    rig.net.close(stalled, Close::AfterDrain { linger_ms: 50 });
    assert_eq!(rig.until_closed(stalled), Closed::ByUs);
}

fn bytes_that_arrive_while_lingering_are_discarded_without_a_reset(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, buffers: 2, buffer_bytes: 64, ..small() });
    let (mut stream, id) = rig.client();
    // Never read before: closing now would answer with a reset that can overtake the last words.
    stream.write_all(&pattern(5000)).unwrap();
    rig.send(id, b"last words");
    rig.net.close(id, Close::AfterDrain { linger_ms: 20_000 });
    rig.settle();
    stream.write_all(&pattern(5000)).unwrap();
    rig.settle();
    let mut words = [0; 10];
    stream.read_exact(&mut words).unwrap();
    assert_eq!(&words, b"last words");
    assert_eq!(rig.why_closed(id), None);
    assert_eq!(read_to_end(stream).unwrap(), b"");
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert_eq!(rig.received(id), b"");
}

fn closing_with_a_stalled_send_is_clean(engine: Engine) {
    let mut rig = Rig::new(engine);
    for how in [Close::Now, Close::Reset, Close::AfterDrain { linger_ms: 0 }] {
        let (_stream, id) = rig.reading_client();
        rig.net.send_queue(id).unwrap().push(Segment::Bytes(pattern(20 << 20)));
        rig.net.send(id);
        rig.until("stalled", |rig| {
            rig.seen.iter().any(|seen| matches!(seen, Seen::Stalled(which) if *which == id)).then_some(())
        });
        rig.net.close(id, how);
        assert_eq!(rig.until_closed(id), Closed::ByUs);
    }
    assert_eq!(rig.net.stats().sockets, 0);
}

fn a_reused_slot_hears_nothing_of_its_predecessor(engine: Engine) {
    let mut rig = Rig::new(engine);
    let mut before = None;
    for round in 0..50u8 {
        let (mut stream, id) = rig.reading_client();
        if let Some(before) = before.replace(id) {
            let before: SocketId = before;
            assert_eq!(before.index(), id.index(), "the slot is used again");
            assert_ne!(before, id);
        }
        stream.write_all(&[round; 10]).unwrap();
        if round % 2 == 0 {
            rig.until_received(id, &[round; 10]);
        }
        // Bytes, the peer's end and our close cross each other.
        stream.write_all(&[round; 5000]).unwrap();
        drop(stream);
        rig.net.close(id, Close::Now);
        rig.until_closed(id);
    }
    assert_eq!(rig.net.stats().completions_late, 0);
    for seen in &rig.seen {
        if let Seen::Data(id, bytes) = seen {
            assert!(
                bytes.iter().all(|byte| u64::from(*byte) == id.as_u64() >> 32),
                "bytes of another generation"
            );
        }
    }
}

fn dead_ids_are_harmless(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    drop(stream);
    rig.until_closed(id);
    let (mut stream, successor) = rig.reading_client();
    assert_eq!(successor.index(), id.index());
    rig.net.receive(id);
    rig.net.receive_once(id);
    rig.net.pause(id);
    rig.net.resume(id);
    rig.net.send(id);
    rig.net.notify_drained(id);
    rig.net.detach(id);
    rig.net.close(id, Close::Reset);
    assert!(rig.net.send_queue(id).is_none());
    assert_eq!((rig.net.peer(id), rig.net.local(id)), (None, None));
    rig.settle();
    stream.write_all(b"alive").unwrap();
    rig.until_received(successor, b"alive");
    assert_eq!(rig.why_closed(successor), None);
}

fn dropping_the_network_with_everything_in_flight_is_clean(engine: Engine) {
    let mut streams = Vec::new();
    for turns in 0..3 {
        let mut rig = Rig::new(engine);
        for _ in 0..4 {
            let (mut stream, id) = rig.reading_client();
            rig.net.send_queue(id).unwrap().push(Segment::Bytes(pattern(5 << 20)));
            rig.net.send(id);
            stream.write_all(&pattern(1000)).unwrap();
            streams.push(stream);
        }
        (0..turns).for_each(|_| rig.turn(Wait::No));
        rig.net.connect(rig.addr, None).unwrap();
    }
    // The peers see their connections end, which they do only when the kernel has let go of every operation.
    for mut stream in streams {
        let mut sink = vec![0; 1 << 20];
        while !matches!(stream.read(&mut sink), Ok(0) | Err(_)) {}
        let timed_out =
            matches!(stream.take_error(), Ok(Some(error)) if error.kind() == io::ErrorKind::TimedOut);
        assert!(!timed_out);
    }
}
