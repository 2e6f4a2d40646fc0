//! Sending: at once, slowly, in many segments, and the reports about it.

use std::rc::Rc;
use std::thread;

use super::*;

on_both_engines!(
    a_slow_reader_gets_every_byte_and_the_sender_hears_of_it,
    what_is_queued_during_a_stall_follows_in_order,
    many_segments_go_out_in_order,
    shared_segments_are_not_copied_and_are_released,
    drained_is_reported_on_request_even_if_nothing_was_queued,
    send_buffers_are_recycled,
    sending_to_a_peer_that_is_gone_closes_the_socket,
    bytes_received_before_a_failed_send_are_delivered,
    an_unread_socket_whose_send_fails_is_closed,
);

fn a_slow_reader_gets_every_byte_and_the_sender_hears_of_it(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.client();
    let whole = pattern(20 << 20);
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(whole.clone()));
    rig.net.send(id);
    rig.until("stalled", |rig| rig.seen.iter().any(|seen| matches!(seen, Seen::Stalled(_))).then_some(()));
    assert!(rig.net.send_queue(id).unwrap().len_bytes() > 0);
    let reader = thread::spawn(move || {
        let mut stream = stream;
        let mut back = vec![0; 20 << 20];
        stream.read_exact(&mut back).map(|()| (stream, back))
    });
    rig.until("drained", |rig| rig.seen.iter().any(|seen| matches!(seen, Seen::Drained(_))).then_some(()));
    assert!(rig.net.send_queue(id).unwrap().is_empty());
    let (_stream, back) = reader.join().unwrap().unwrap();
    assert!(back == whole);
    assert_eq!(rig.net.stats().sent_bytes, 20 << 20);
    assert_eq!(rig.count(|seen| matches!(seen, Seen::Stalled(_))), 1, "one stall, one report");
    assert_eq!(rig.count(|seen| matches!(seen, Seen::Drained(_))), 1);
}

fn what_is_queued_during_a_stall_follows_in_order(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.client();
    let mut expected = pattern(8 << 20);
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(expected.clone()));
    rig.net.send(id);
    rig.until("stalled", |rig| rig.seen.iter().any(|seen| matches!(seen, Seen::Stalled(_))).then_some(()));
    for round in 0..200u32 {
        let more = round.to_le_bytes().repeat(100);
        rig.send(id, &more);
        expected.extend_from_slice(&more);
        rig.turn(Wait::No);
    }
    rig.net.close(id, Close::AfterDrain { linger_ms: 20_000 });
    let reader = thread::spawn(move || read_to_end(stream));
    assert_eq!(rig.until_closed(id), Closed::ByUs);
    assert!(reader.join().unwrap().unwrap() == expected);
}

fn many_segments_go_out_in_order(engine: Engine) {
    let mut rig = Rig::new(engine);
    let mut clients: Vec<_> = (0..40).map(|_| rig.client()).collect();
    let segment = Rc::new(pattern(1500));
    let queued = segment.len() * 130;
    for (_, id) in &clients {
        let queue = rig.net.send_queue(*id).unwrap();
        (0..130).for_each(|_| queue.push(Segment::Shared(segment.clone())));
        rig.net.notify_drained(*id);
    }
    let expected = segment.repeat(130);
    for (stream, id) in &mut clients {
        let id = *id;
        let drained = |seen: &Seen| matches!(seen, Seen::Drained(which) if *which == id);
        rig.until("drained", |rig| (rig.count(drained) == 1).then_some(()));
        let mut back = vec![0; queued];
        stream.read_exact(&mut back).unwrap();
        assert!(back == expected);
    }
}

fn shared_segments_are_not_copied_and_are_released(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.client();
    let shared = Rc::new(pattern(4000));
    rig.net.send_queue(id).unwrap().push(Segment::Shared(shared.clone()));
    assert_eq!(Rc::strong_count(&shared), 2);
    rig.net.send(id);
    rig.turn(Wait::No);
    assert_eq!(Rc::strong_count(&shared), 1);
    let mut back = vec![0; 4000];
    stream.read_exact(&mut back).unwrap();
    assert_eq!(back, *shared);
}

fn drained_is_reported_on_request_even_if_nothing_was_queued(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (_stream, id) = rig.client();
    let drained = |rig: &Rig| rig.count(|seen| matches!(seen, Seen::Drained(_)));
    rig.net.notify_drained(id);
    rig.until("drained", |rig| (drained(rig) == 1).then_some(()));
    rig.send(id, b"bytes");
    rig.net.notify_drained(id);
    rig.until("drained", |rig| (drained(rig) == 2).then_some(()));
    rig.send(id, b"bytes");
    rig.settle();
    assert_eq!(drained(&rig), 2, "not asked for, not reported");
}

fn send_buffers_are_recycled(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (_stream, id) = rig.client();
    let mut buffer = rig.net.spare_buffer();
    buffer.resize(2000, 7);
    let address = buffer.as_ptr();
    rig.net.send_queue(id).unwrap().push(Segment::Bytes(buffer));
    rig.net.send(id);
    rig.turn(Wait::No);
    let again = rig.net.spare_buffer();
    assert_eq!(again.as_ptr(), address);
    assert!(again.is_empty());
}

fn sending_to_a_peer_that_is_gone_closes_the_socket(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.reading_client();
    rig.net.hold_reads();
    rig.turn(Wait::No);
    drop(stream);
    // The first send provokes a reset, a later one meets it. Neither raises SIGPIPE.
    for _ in 0..3 {
        if rig.why_closed(id).is_none() {
            rig.send(id, b"is anybody there?");
        }
        rig.turn(Wait::No);
    }
    rig.net.release_reads();
    let why = rig.until_closed(id);
    assert!(matches!(why, Closed::Reset | Closed::Eof), "{why:?}");
    assert!(rig.net.send_queue(id).is_none());
}

fn bytes_received_before_a_failed_send_are_delivered(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (mut stream, id) = rig.reading_client();
    rig.net.hold_reads();
    rig.turn(Wait::No);
    stream.write_all(b"last words").unwrap();
    drop(stream);
    for _ in 0..3 {
        rig.send(id, b"is anybody there?");
        rig.turn(Wait::No);
    }
    rig.net.release_reads();
    rig.until_closed(id);
    assert_eq!(rig.received(id), b"last words");
}

fn an_unread_socket_whose_send_fails_is_closed(engine: Engine) {
    let mut rig = Rig::new(engine);
    let (stream, id) = rig.client();
    drop(stream);
    rig.until("closed", |rig| {
        if rig.net.send_queue(id).is_some() {
            rig.send(id, b"is anybody there?");
            rig.net.notify_drained(id);
        }
        rig.why_closed(id)
    });
    assert_eq!(rig.why_closed(id), Some(Closed::Reset));
}
