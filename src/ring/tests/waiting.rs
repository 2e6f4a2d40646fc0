//! Alarms, wakes from other threads, and silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::*;

on_both_engines!(
    an_alarm_is_never_early_and_fires_once,
    an_alarm_can_be_moved_and_unset,
    a_sleeping_network_is_woken_from_another_thread,
    no_wake_is_lost_however_it_meets_the_sleep,
    an_idle_network_does_not_wake_up,
    what_comes_while_looking_out_is_not_slept_for,
    no_wake_is_lost_while_looking_out,
    looking_out_makes_no_alarm_late,
    looking_out_in_vain_ends_in_sleep,
);

fn an_alarm_is_never_early_and_fires_once(engine: Engine) {
    let mut rig = Rig::new(engine);
    for micros in [0, 1, 700, 1500, 5000] {
        let at = Instant::now() + Duration::from_micros(micros);
        rig.net.set_alarm(Some(at));
        while rig.count(|seen| matches!(seen, Seen::Alarm)) == 0 {
            rig.turn(Wait::ForOne);
        }
        assert!(Instant::now() >= at);
        rig.settle();
        assert_eq!(rig.count(|seen| matches!(seen, Seen::Alarm)), 1);
        rig.seen.clear();
    }
}

fn an_alarm_can_be_moved_and_unset(engine: Engine) {
    let mut rig = Rig::new(engine);
    let soon = Instant::now() + Duration::from_millis(30);
    rig.net.set_alarm(Some(Instant::now() + Duration::from_secs(3600)));
    rig.turn(Wait::No);
    rig.net.set_alarm(Some(soon));
    while rig.seen.is_empty() {
        rig.turn(Wait::ForOne);
    }
    assert!(matches!(rig.seen[..], [Seen::Alarm]) && Instant::now() >= soon);
    rig.seen.clear();
    // Later than armed: the early wake-up is not an alarm.
    let late = Instant::now() + Duration::from_millis(60);
    rig.net.set_alarm(Some(Instant::now() + Duration::from_millis(10)));
    rig.turn(Wait::No);
    rig.net.set_alarm(Some(late));
    while rig.seen.is_empty() {
        rig.turn(Wait::ForOne);
    }
    assert!(Instant::now() >= late);
    rig.seen.clear();
    rig.net.set_alarm(Some(Instant::now() + Duration::from_millis(5)));
    rig.turn(Wait::No);
    rig.net.set_alarm(None);
    let end = Instant::now() + Duration::from_millis(20);
    while Instant::now() < end {
        rig.turn(Wait::No);
    }
    assert!(rig.seen.is_empty());
}

fn a_sleeping_network_is_woken_from_another_thread(engine: Engine) {
    let mut rig = Rig::new(engine);
    let remote = rig.net.remote();
    let waker = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        remote.wake();
        remote.wake();
    });
    rig.until("woken", |rig| rig.seen.iter().any(|seen| matches!(seen, Seen::Woken)).then_some(()));
    waker.join().unwrap();
}

fn no_wake_is_lost_however_it_meets_the_sleep(engine: Engine) {
    wakes_are_seen(Rig::new(engine));
}

/// Another thread wakes the network again and again, at every point of its way to sleep and back.
fn wakes_are_seen(mut rig: Rig) {
    const WAKES: u64 = 20_000;
    let written = Arc::new(AtomicU64::new(0));
    let read = Arc::new(AtomicU64::new(0));
    let remote = rig.net.remote();
    let (writer_written, writer_read) = (Arc::clone(&written), Arc::clone(&read));
    let waker = thread::spawn(move || {
        for value in 1..=WAKES {
            writer_written.store(value, Ordering::Release);
            remote.wake();
            while writer_read.load(Ordering::Acquire) < value {
                if value % 3 == 0 {
                    thread::yield_now();
                }
                std::hint::spin_loop();
            }
        }
    });
    let end = Instant::now() + PATIENCE;
    rig.net.set_alarm(Some(end));
    while read.load(Ordering::Relaxed) < WAKES {
        rig.turn(Wait::ForOne);
        assert!(Instant::now() < end, "a wake was lost");
        if rig.seen.drain(..).any(|seen| matches!(seen, Seen::Woken)) {
            read.store(written.load(Ordering::Acquire), Ordering::Release);
        }
    }
    waker.join().unwrap();
}

fn an_idle_network_does_not_wake_up(engine: Engine) {
    let mut rig = Rig::new(engine);
    let _clients: Vec<_> = (0..20).map(|_| rig.reading_client()).collect();
    rig.settle();
    let before = rig.net.stats();
    // The alarm is the only thing that can end the wait; without other wake-ups one turn lasts until it is due.
    let at = Instant::now() + Duration::from_millis(200);
    rig.net.set_alarm(Some(at));
    rig.turn(Wait::ForOne);
    assert!(Instant::now() >= at && matches!(rig.seen[..], [Seen::Alarm]));
    let after = rig.net.stats();
    assert_eq!(after.system_calls - before.system_calls, 1);
}

fn looking_out_for(engine: Engine, span: Duration) -> Rig {
    Rig::with(&Options { engine, busy_poll_us: span.as_micros() as u32, ..small() })
}

fn what_comes_while_looking_out_is_not_slept_for(engine: Engine) {
    let mut rig = looking_out_for(engine, 2 * PATIENCE);
    let (mut stream, id) = rig.reading_client();
    let echo = thread::spawn(move || {
        let mut bytes = [0; 1];
        while stream.read(&mut bytes).unwrap() > 0 && stream.write(&bytes).unwrap() > 0 {}
    });
    for byte in 0..100 {
        rig.seen.clear();
        rig.send(id, &[byte]);
        rig.until_received(id, &[byte]);
    }
    // The look ends with a find, or the answer was there before it; a sleep would outlast the patience.
    let stats = rig.net.stats();
    assert_eq!(stats.busy_polls, stats.busy_polls_found);
    assert!(stats.busy_polls_found > 0);
    rig.net.close(id, Close::AfterDrain { linger_ms: 1000 });
    rig.until_closed(id);
    echo.join().unwrap();
}

fn no_wake_is_lost_while_looking_out(engine: Engine) {
    wakes_are_seen(looking_out_for(engine, Duration::from_micros(3)));
}

fn looking_out_makes_no_alarm_late(engine: Engine) {
    let mut rig = looking_out_for(engine, 2 * PATIENCE);
    let _client = rig.reading_client();
    for micros in [0, 1, 700, 5000] {
        let (start, after) = (Instant::now(), Duration::from_micros(micros));
        rig.net.set_alarm(Some(start + after));
        while rig.count(|seen| matches!(seen, Seen::Alarm)) == 0 {
            rig.turn(Wait::ForOne);
        }
        assert!((after..PATIENCE).contains(&start.elapsed()));
        rig.seen.clear();
    }
}

fn looking_out_in_vain_ends_in_sleep(engine: Engine) {
    let mut rig = looking_out_for(engine, Duration::from_micros(50));
    let _clients: Vec<_> = (0..20).map(|_| rig.reading_client()).collect();
    rig.settle();
    let at = Instant::now() + Duration::from_millis(200);
    rig.net.set_alarm(Some(at));
    let before = rig.net.stats();
    while rig.seen.is_empty() {
        rig.turn(Wait::ForOne);
    }
    assert!(Instant::now() >= at && matches!(rig.seen[..], [Seen::Alarm]));
    let after = rig.net.stats();
    assert!(after.busy_polls - before.busy_polls <= 1, "it looks once after work, not all the time");
}
