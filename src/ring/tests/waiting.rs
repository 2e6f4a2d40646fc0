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
    const WAKES: u64 = 20_000;
    let mut rig = Rig::new(engine);
    let written = Arc::new(AtomicU64::new(0));
    let read = Arc::new(AtomicU64::new(0));
    let remote = rig.net.remote();
    let (writer_written, writer_read) = (Arc::clone(&written), Arc::clone(&read));
    let waker = thread::spawn(move || {
        for value in 1..=WAKES {
            writer_written.store(value, Ordering::Release);
            remote.wake();
            // Meets the other thread at every point of its way to sleep and back.
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
