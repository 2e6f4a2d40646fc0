//! Receiving: once, continuously, paused, held, and with too few buffers.

use super::*;

on_both_engines!(
    bytes_are_echoed,
    nothing_is_read_before_it_is_asked_for,
    receive_once_reads_once,
    a_paused_socket_delivers_nothing_and_loses_nothing,
    pausing_one_socket_leaves_the_others_alone,
    held_reads_keep_order_on_every_socket,
    an_end_behind_held_bytes_comes_after_them,
    connections_are_held_too,
    more_senders_than_buffers_all_get_through,
    idle_sockets_that_found_no_buffer_are_armed_again_without_traffic,
    many_sockets_are_served,
);

fn bytes_are_echoed(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    for round in 0..20u8 {
        let message = vec![round; 100];
        stream.write_all(&message).unwrap();
        rig.seen.clear();
        rig.until_received(id, &message);
        rig.send(id, &message);
        rig.turn(Wait::No);
        let mut back = vec![0; 100];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(back, message);
    }
    let stats = rig.net.stats();
    assert_eq!((stats.received_bytes, stats.sent_bytes, stats.sends_partial), (2000, 2000, 0));
    assert_eq!((stats.accepted, stats.sockets), (1, 1));
}

fn nothing_is_read_before_it_is_asked_for(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.client();
    stream.write_all(b"early").unwrap();
    rig.settle();
    assert_eq!(rig.received(id), b"");
    rig.net.receive(id);
    rig.until_received(id, b"early");
}

fn receive_once_reads_once(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.client();
    rig.net.receive_once(id);
    stream.write_all(b"one").unwrap();
    rig.until_received(id, b"one");
    stream.write_all(b"two").unwrap();
    rig.settle();
    assert_eq!(rig.received(id), b"one");
    rig.net.receive_once(id);
    rig.until_received(id, b"onetwo");
    rig.net.receive(id);
    for _ in 0..3 {
        stream.write_all(b"+").unwrap();
        rig.turn(Wait::ForOne);
    }
    rig.until_received(id, b"onetwo+++");
}

fn a_paused_socket_delivers_nothing_and_loses_nothing(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    let mut expected = Vec::new();
    for round in 0..30u8 {
        rig.net.pause(id);
        let message = vec![round; 3000];
        expected.extend_from_slice(&message);
        // Before the pause has reached the kernel, and after.
        stream.write_all(&message[..1000]).unwrap();
        rig.settle();
        stream.write_all(&message[1000..]).unwrap();
        rig.settle();
        assert_eq!(rig.received(id).len(), usize::from(round) * 3000);
        rig.net.resume(id);
        rig.until_received(id, &expected);
    }
    // Pausing and resuming without a turn between changes nothing.
    rig.net.pause(id);
    rig.net.resume(id);
    stream.write_all(b"end").unwrap();
    expected.extend_from_slice(b"end");
    rig.until_received(id, &expected);
}

fn pausing_one_socket_leaves_the_others_alone(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut quiet, paused) = rig.reading_client();
    let (mut loud, other) = rig.reading_client();
    rig.net.pause(paused);
    quiet.write_all(b"later").unwrap();
    for _ in 0..50 {
        loud.write_all(&[1; 4096]).unwrap();
        rig.turn(Wait::ForOne);
    }
    rig.until_received(other, &vec![1; 50 * 4096]);
    assert_eq!(rig.received(paused), b"");
    rig.net.resume(paused);
    rig.until_received(paused, b"later");
}

fn held_reads_keep_order_on_every_socket(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, buffers: 4, buffer_bytes: 64, ..small() });
    let mut clients: Vec<_> = (0..6).map(|_| rig.reading_client()).collect();
    let mut expected = Vec::new();
    for round in 0..5u8 {
        rig.net.hold_reads();
        rig.turn(Wait::No);
        let before = rig.seen.len();
        let part = pattern(usize::from(round) * 500 + 10);
        expected.extend_from_slice(&part);
        for (stream, _) in &mut clients {
            stream.write_all(&part).unwrap();
        }
        rig.settle();
        assert_eq!(rig.seen.len(), before, "nothing is delivered while reads are held");
        rig.net.release_reads();
        for (_, id) in &clients {
            rig.until_received(*id, &expected);
        }
    }
}

fn an_end_behind_held_bytes_comes_after_them(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    rig.net.hold_reads();
    rig.turn(Wait::No);
    stream.write_all(b"last words").unwrap();
    drop(stream);
    rig.settle();
    assert!(rig.seen.is_empty());
    rig.net.release_reads();
    assert_eq!(rig.until_closed(id), Closed::Eof);
    assert_eq!(rig.received(id), b"last words");
    assert!(matches!(rig.seen.last(), Some(Seen::Closed(..))));
}

fn connections_are_held_too(engine: Engine) {
    let mut rig = Rig::new(engine);
    rig.net.hold_reads();
    rig.turn(Wait::No);
    let streams: Vec<_> = (0..5).map(|_| TcpStream::connect(rig.addr).unwrap()).collect();
    rig.settle();
    assert!(rig.seen.is_empty());
    rig.net.release_reads();
    rig.until("accepted", |rig| (rig.count(|seen| matches!(seen, Seen::Accepted(_))) == 5).then_some(()));
    drop(streams);
}

fn more_senders_than_buffers_all_get_through(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, buffers: 2, buffer_bytes: 64, ..small() });
    let mut clients: Vec<_> = (0..20).map(|_| rig.reading_client()).collect();
    let message = pattern(5000);
    for (stream, _) in &mut clients {
        stream.write_all(&message).unwrap();
    }
    for (_, id) in &clients {
        rig.until_received(*id, &message);
    }
    if engine == Engine::IoUring {
        assert!(rig.net.stats().buffers_exhausted > 0, "the test exhausts the buffers");
    }
}

fn idle_sockets_that_found_no_buffer_are_armed_again_without_traffic(engine: Engine) {
    let mut rig = Rig::with(&Options { engine, buffers: 1, buffer_bytes: 64, ..small() });
    let (mut hoarder, first) = rig.reading_client();
    rig.net.hold_reads();
    hoarder.write_all(b"one buffer").unwrap();
    rig.settle();
    rig.net.release_reads();
    let mut idle: Vec<_> = (0..5).map(|_| rig.client()).collect();
    rig.net.hold_reads();
    hoarder.write_all(b", held").unwrap();
    rig.settle();
    for (_, id) in &idle {
        rig.net.receive(*id);
    }
    rig.settle();
    rig.net.release_reads();
    rig.until_received(first, b"one buffer, held");
    // The last in the row speaks, and nobody else does.
    let (stream, last) = idle.last_mut().unwrap();
    stream.write_all(b"me too").unwrap();
    rig.until_received(*last, b"me too");
}

fn many_sockets_are_served(engine: Engine) {
    // More sockets than entries in either queue: what does not fit must wait, not get lost.
    let mut rig = Rig::with(&Options { engine, sq_entries: 4, cq_entries: 8, buffers: 8, ..small() });
    let mut clients: Vec<_> = (0..200).map(|_| rig.reading_client()).collect();
    for round in 1..=3usize {
        for (stream, id) in &mut clients {
            stream.write_all(&id.as_u64().to_le_bytes()).unwrap();
        }
        for (_, id) in &clients {
            let id = *id;
            rig.until("echo", |rig| (rig.received(id).len() >= 8 * round).then_some(()));
            rig.send(id, &id.as_u64().to_le_bytes());
        }
        rig.turn(Wait::No);
        for (stream, id) in &mut clients {
            let mut back = [0; 8];
            stream.read_exact(&mut back).unwrap();
            assert_eq!(back, id.as_u64().to_le_bytes());
        }
    }
}
