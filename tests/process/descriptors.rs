//! No descriptors left: accepting backs off without a spin and goes on as soon as there are some.

use std::thread;
use std::time::Duration;

use crate::broker::{Engine, Plan, on_both_engines};
use crate::client::Client;
use crate::neighbour::Neighbours;
use crate::sockets;

on_both_engines! {
    running_out_of_descriptors_is_survived,
}

/// What the process may open, well above what it needs by itself.
const FILES_MAX: u32 = 100;
/// How long the process is watched while connections wait that it cannot accept.
const WATCH: Duration = Duration::from_secs(1);
/// Ticks of 10 ms in that time: a spin would take all of them, on each shard.
const TICKS_MAX: u64 = 15;

fn running_out_of_descriptors_is_survived(engine: Engine) {
    let broker = Plan::new(engine).shards(2).files_max(FILES_MAX).start();
    let mut neighbours = Neighbours::move_in(&broker);
    let files = broker.figures().files();
    // The kernel completes these; the broker has descriptors for some of them only.
    let crowd: Vec<_> = (0..2 * FILES_MAX).map(|_| sockets::connect(broker.tcp())).collect();
    let told = broker.wait_for_line("could not be accepted", sockets::PATIENCE);
    assert!(told.is_some_and(|line| line.contains("os error 24")), "{}", broker.log());
    let ticks = broker.figures().cpu_ticks();
    // Not a wait for anything: the passing of time is what is measured.
    thread::sleep(WATCH);
    let ticks = broker.figures().cpu_ticks() - ticks;
    assert!(ticks <= TICKS_MAX, "{ticks} ticks while nothing can be accepted");
    neighbours.talk();
    assert!(broker.log().lines().count() < 60, "{}", broker.log());
    drop(crowd);
    for n in 0..10 {
        Client::connect(&broker, &format!("after-{n}")).disconnect();
    }
    neighbours.talk();
    wait_until(|| broker.figures().files() == files);
    broker.finish();
}

fn wait_until(mut done: impl FnMut() -> bool) {
    let tries = sockets::PATIENCE.as_millis() / 20;
    for _ in 0..tries {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    assert!(done(), "not within {:?}", sockets::PATIENCE);
}
