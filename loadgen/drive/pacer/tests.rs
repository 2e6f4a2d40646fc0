//! Publishers in open and closed loops, without a clock.

use super::*;

fn constant(rate_per_s: f64) -> Pace {
    Pace::Constant { rate_per_s }
}

/// Sends what may be sent, publisher by publisher; at most `most` messages.
fn send(pacer: &mut Pacer, now: Nanos, most: usize) -> Vec<(u32, u32, Nanos)> {
    pacer.advance(now);
    let (mut sent, mut listed) = (Vec::new(), Vec::new());
    pacer.take_listed(&mut listed);
    for publisher in listed {
        while sent.len() < most
            && let Some((number, intended)) = pacer.next_message(publisher, now)
        {
            pacer.note_sent(publisher);
            sent.push((publisher, number, intended));
        }
    }
    sent
}

#[test]
fn an_open_loop_sends_by_the_schedule_in_turn() {
    let mut pacer = Pacer::new(&constant(10.0), None, Ending::Deliveries(1), 3, 0);
    assert_eq!(send(&mut pacer, 5000, 9), [], "it rests at first");
    pacer.run(1000, 1000 + SECOND, 1.0);
    assert_eq!(send(&mut pacer, 999, 9), []);
    assert_eq!(send(&mut pacer, 1000, 9), [(0, 0, 1000)]);
    assert_eq!(pacer.next_due(), Some(1000 + SECOND / 10));
    let late = 1000 + 3 * SECOND / 10;
    let sent = send(&mut pacer, late, 9);
    assert_eq!(sent, [(1, 0, 100_001_000), (2, 0, 200_001_000), (0, 1, 300_001_000)]);
    send(&mut pacer, 1000 + 2 * SECOND, 99);
    assert_eq!((pacer.sent(), pacer.due()), (10, 10));
    assert_eq!(pacer.next_due(), None);
}

#[test]
fn a_schedule_goes_on_into_the_next_stage_and_begins_anew_after_a_rest() {
    let mut pacer = Pacer::new(&constant(3.0), None, Ending::Deliveries(1), 1, 0);
    pacer.run(0, SECOND / 2, 1.0);
    pacer.run(SECOND / 2, SECOND, 1.0);
    let times = |sent: Vec<(u32, u32, Nanos)>| sent.into_iter().map(|(_, _, at)| at).collect::<Vec<_>>();
    assert_eq!(times(send(&mut pacer, SECOND, 99)), [0, 333_333_333, 666_666_666]);
    pacer.rest(SECOND);
    assert!(send(&mut pacer, 9 * SECOND, 99).is_empty());
    pacer.run(10 * SECOND, 11 * SECOND, 2.0);
    assert_eq!(times(send(&mut pacer, 11 * SECOND, 99)).len(), 6);
}

#[test]
fn a_blocked_publisher_catches_up_with_its_own_intended_times() {
    let mut pacer = Pacer::new(&constant(1000.0), Some(4), Ending::Deliveries(1), 2, 0);
    pacer.run(0, Nanos::MAX, 1.0);
    assert_eq!(send(&mut pacer, SECOND, 1), [(0, 0, 0)]);
    assert_eq!((pacer.due(), pacer.sent()), (4, 1));
    assert!(pacer.is_spent(), "all have become due");
    pacer.list(0);
    pacer.list(1);
    let sent = send(&mut pacer, 2 * SECOND, 9);
    assert_eq!(sent, [(0, 1, 2_000_000), (1, 0, 1_000_000), (1, 1, 3_000_000)]);
    assert!(pacer.waiting.is_empty());
    assert!((pacer.lag().summary().max_us - 1e6).abs() < 1e3, "lag is what the schedule was looked at late");
}

#[test]
fn what_waits_to_leave_is_bounded() {
    let mut pacer = Pacer::new(&constant(1e8), None, Ending::Deliveries(1), 2, 0);
    pacer.run(0, Nanos::MAX, 1.0);
    pacer.advance(SECOND / 100);
    assert!(!pacer.is_overrun(), "a hundredth of a second is a million messages");
    pacer.advance(3600 * SECOND);
    assert!(pacer.is_overrun());
    assert_eq!((pacer.due(), pacer.waiting.len(), pacer.next_due()), (BACKLOG_MAX as u64, BACKLOG_MAX, None));
    assert_eq!(send(&mut pacer, 3600 * SECOND, 9).len(), 9);
    assert!(
        pacer.is_overrun() && pacer.next_due().is_none(),
        "room that comes later brings no schedule back"
    );
}

#[test]
fn a_closed_loop_keeps_a_window_of_messages_on_their_way() {
    let mut pacer = Pacer::new(&Pace::Window { messages: 2 }, Some(7), Ending::Deliveries(3), 2, 0);
    pacer.run(0, Nanos::MAX, 1.0);
    assert_eq!(send(&mut pacer, 5, 99), [(0, 0, 5), (0, 1, 5), (1, 0, 5), (1, 1, 5)]);
    pacer.note_delivered(1, 6);
    pacer.note_delivered(1, 6);
    assert_eq!(send(&mut pacer, 6, 99), [], "one of three copies is missing");
    pacer.note_delivered(1, 7);
    assert_eq!(send(&mut pacer, 7, 99), [(1, 2, 7)]);
    pacer.note_acknowledged(0, 8);
    assert_eq!(send(&mut pacer, 8, 99), []);
    (0..6).for_each(|_| pacer.note_delivered(0, 9));
    assert_eq!(send(&mut pacer, 9, 99), [(0, 2, 9), (0, 3, 9)]);
    assert!(pacer.is_spent());
}

#[test]
fn a_closed_loop_ends_with_its_span() {
    let mut pacer = Pacer::new(&Pace::Window { messages: 1 }, None, Ending::Acknowledgement, 1, 0);
    pacer.run(0, 10, 1.0);
    assert_eq!(send(&mut pacer, 9, 99).len(), 1);
    pacer.note_acknowledged(0, 10);
    assert_eq!(send(&mut pacer, 10, 99), []);
}

#[test]
fn a_window_whose_messages_were_lost_opens_again() {
    let mut pacer = Pacer::new(&Pace::Window { messages: 1 }, Some(9), Ending::Deliveries(1), 1, 0);
    pacer.run(0, Nanos::MAX, 1.0);
    assert_eq!(send(&mut pacer, 0, 99).len(), 1);
    pacer.forgive(FORGIVE_AFTER - 1);
    assert_eq!(send(&mut pacer, FORGIVE_AFTER - 1, 99), []);
    pacer.forgive(FORGIVE_AFTER);
    assert_eq!(send(&mut pacer, FORGIVE_AFTER, 99).len(), 1);
    pacer.note_delivered(0, FORGIVE_AFTER);
    pacer.note_delivered(0, FORGIVE_AFTER);
    assert_eq!(send(&mut pacer, FORGIVE_AFTER, 99).len(), 1, "late arrivals do not widen the window");
}
