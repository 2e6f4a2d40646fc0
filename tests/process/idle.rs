//! A process with nothing to do does nothing.

use std::thread;
use std::time::Duration;

use ringmq_protocol::Qos;

use crate::broker::{Engine, Plan, on_both_engines};
use crate::certificates::{self, Terms};
use crate::client::Client;

/// How long the process is watched.
const WATCH: Duration = Duration::from_secs(2);
/// Ticks of 10 ms: under 3 % of one core.
const TICKS_MAX: u64 = 5;
/// Wake-ups of all threads together.
const SLEEPS_MAX: u64 = 20;

on_both_engines! {
    idle_connections_cost_no_time,
    busy_polling_costs_time_only_after_work,
}

fn idle_connections_cost_no_time(engine: Engine) {
    let broker = Plan::new(engine).shards(3).start();
    let mut plain: Vec<Client> = (0..80).map(|n| Client::connect(&broker, &format!("plain-{n}"))).collect();
    let config = Terms::of(&broker).config();
    let mut encrypted: Vec<_> =
        (0..20).map(|n| certificates::connect(&broker, &config, &format!("tls-{n}"))).collect();
    for client in &mut plain {
        client.subscribe("nothing/happens", Qos::AtLeastOnce);
    }
    encrypted.iter_mut().for_each(|client| client.subscribe("nothing/happens", Qos::AtLeastOnce));
    let figures = broker.figures();
    let (ticks, sleeps) = (figures.cpu_ticks(), figures.sleeps());
    // Not a wait for anything: the passing of time is what is measured.
    thread::sleep(WATCH);
    let (ticks, sleeps) = (figures.cpu_ticks() - ticks, figures.sleeps() - sleeps);
    assert!(ticks <= TICKS_MAX, "{ticks} ticks of processor time while idle");
    assert!(sleeps <= SLEEPS_MAX, "{sleeps} wake-ups while idle");
    broker.finish();
}

/// Pings that take the broker no tick by themselves.
const PINGS_MAX: u32 = 200;
/// What they take a broker that looks for more after each.
const LOOKED_TICKS: u64 = 30;

fn busy_polling_costs_time_only_after_work(engine: Engine) {
    let broker = Plan::new(engine).shards(1).set("network.busy_poll_us=100000").start();
    let mut client = Client::connect(&broker, "pinging");
    let figures = broker.figures();
    let start = figures.cpu_ticks();
    let looked = (0..PINGS_MAX).any(|_| {
        client.ping();
        // The broker looks for the next ping meanwhile.
        thread::sleep(Duration::from_millis(20));
        figures.cpu_ticks() - start >= LOOKED_TICKS
    });
    assert!(looked, "{} ticks after {PINGS_MAX} pings", figures.cpu_ticks() - start);
    let ticks = figures.cpu_ticks();
    thread::sleep(WATCH);
    let ticks = figures.cpu_ticks() - ticks;
    assert!(ticks <= TICKS_MAX + LOOKED_TICKS, "{ticks} ticks of processor time while idle");
    broker.finish();
}
