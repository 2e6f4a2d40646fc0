//! Locked memory: what the rings of an ordinary user may take. Root is exempt, so the broker runs as somebody else here.

use std::time::Duration;

use crate::broker::{Broker, Engine, Plan, STOP_LIMIT, User};
use crate::client::Client;
use crate::sockets::PATIENCE;

/// What one shard takes, in KiB: its queues, and the list of its receive buffers.
const KIB_PER_SHARD: u32 = 216;
/// The limit that the kernel gives to everybody who does not set one, in KiB.
const USUAL_KIB: u32 = 8192;

/// The engine that the line `ready` names.
fn engine(broker: &Broker) -> String {
    let ready = broker.wait_for_line(" ready ", Duration::ZERO).expect("it is ready");
    let (_, rest) = ready.split_once("engine=").unwrap_or_else(|| panic!("no engine in {ready:?}"));
    rest.split_whitespace().next().unwrap_or_default().to_owned()
}

fn is_served(broker: &Broker) {
    for n in 0..8 {
        Client::connect(broker, &format!("client-{n}")).ping();
    }
}

/// None, too little for one ring, enough for one of two, and the usual limit on a machine with many cores.
#[test]
fn auto_falls_back_to_epoll_on_all_shards_and_says_what_lacks() {
    for (kib, shards) in [(0, 1), (64, 1), (64, 2), (256, 2), (512, 3), (USUAL_KIB, 40), (USUAL_KIB, 64)] {
        let plan = Plan::new(Engine::Auto).shards(shards as u16).locked_kib_max(kib, User::new());
        let broker = plan.start();
        assert_eq!(engine(&broker), "epoll", "{kib} KiB, {shards} shards");
        let warning =
            broker.wait_for_line("WARN", Duration::ZERO).unwrap_or_else(|| panic!("{}", broker.log()));
        let needed = format!("{} KiB of locked memory", shards * KIB_PER_SHARD);
        for part in
            [&needed, &format!("{kib} KiB together"), "RLIMIT_MEMLOCK", "LimitMEMLOCK=", "Using epoll"]
        {
            assert!(warning.contains(part), "{part:?} is not in {warning:?}");
        }
        is_served(&broker);
        broker.finish();
    }
}

#[test]
fn where_it_is_enough_every_shard_gets_its_ring() {
    for (kib, shards) in [(KIB_PER_SHARD + 64, 1), (512, 2), (USUAL_KIB, 18), (USUAL_KIB, 32)] {
        let plan = Plan::new(Engine::Auto).shards(shards).locked_kib_max(kib, User::new());
        let broker = plan.start();
        assert_eq!(engine(&broker), "io_uring", "{kib} KiB, {shards} shards:\n{}", broker.log());
        is_served(&broker);
        broker.finish();
    }
}

#[test]
fn io_uring_that_was_asked_for_fails_with_the_cause() {
    for (kib, shards) in [(0, 1), (64, 2), (256, 2), (USUAL_KIB, 40)] {
        let plan = Plan::new(Engine::IoUring).shards(shards as u16).locked_kib_max(kib, User::new());
        let mut broker = plan.spawn(&["tcp://127.0.0.1:0"]);
        let status = broker.wait(STOP_LIMIT).expect("it cannot run");
        assert_eq!(status.code(), Some(1), "{}", broker.log());
        let told = broker.wait_for_line("io_uring_", PATIENCE).unwrap_or_else(|| panic!("{}", broker.log()));
        let needed = format!("{} KiB of locked memory", shards * KIB_PER_SHARD);
        for part in
            ["Cannot allocate memory", &needed, "RLIMIT_MEMLOCK", "LimitMEMLOCK=", "choose the epoll engine"]
        {
            assert!(told.contains(part), "{part:?} is not in {told:?}");
        }
    }
}

/// The kernel gives back what a process held a little after its end, and its successor must not be worse off for that.
#[test]
fn memory_that_becomes_free_is_waited_for() {
    let user = User::new();
    let plan = || Plan::new(Engine::Auto).shards(2).locked_kib_max(3 * KIB_PER_SHARD, user);
    let former = plan().start();
    let successor = plan().spawn(&["tcp://127.0.0.1:0"]);
    let told = successor.wait_for_line("waits for locked memory", PATIENCE);
    assert!(told.is_some(), "{}", successor.log());
    former.finish();
    assert!(successor.wait_for_line(" ready ", PATIENCE).is_some(), "{}", successor.log());
    assert_eq!(engine(&successor), "io_uring", "{}", successor.log());
    successor.finish();
}
