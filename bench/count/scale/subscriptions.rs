//! A million exact subscriptions on 10,000 sessions and 100,000 wildcard ones beside them: bytes for each, and what a message
//! costs among them.

use ringmq_protocol::Qos;

use super::median_ns;
use crate::desk::{Client, Desk};
use crate::packets;

/// Filters in one SUBSCRIBE.
const FILTERS_PER_PACKET: usize = 100;

/// Messages in one pass, each to a topic of its own.
const MESSAGES: usize = 20_000;

const PASSES: usize = 9;

/// How many of what.
struct Size {
    sessions: usize,
    exact_each: usize,
    wildcard_each: usize,
}

const SMALL: Size = Size { sessions: 10, exact_each: 91, wildcard_each: 9 };
const LARGE: Size = Size { sessions: 10_000, exact_each: 100, wildcard_each: 10 };

pub(super) fn run() -> Result<(), String> {
    println!("one shard, filters such as {} and {}\n", exact(4711), wildcard(4711));
    let small = Costs::measure(&SMALL)?;
    let large = Costs::measure(&LARGE)?;
    println!("\n{:<44} {:>12} {:>12}", "", "1,000", "1,100,000");
    for (name, of) in [
        ("message to one exact subscription, ns", (|costs| costs.exact_ns) as fn(&Costs) -> f64),
        ("message to one wildcard subscription, ns", |costs| costs.wildcard_ns),
        ("message that nobody wants, ns", |costs| costs.unmatched_ns),
    ] {
        println!("{name:<44} {:>12.0} {:>12.0}", of(&small), of(&large));
    }
    Ok(())
}

/// What a message costs.
struct Costs {
    exact_ns: f64,
    wildcard_ns: f64,
    unmatched_ns: f64,
}

impl Costs {
    fn measure(size: &Size) -> Result<Costs, String> {
        let mut desk = Desk::new(1);
        let clients: Vec<Client> =
            (0..size.sessions).map(|number| desk.connect(&format!("session{number}"), 0)).collect();
        let publisher = desk.connect("publisher", 0);
        let before = resident_bytes()?;
        subscribe_all(&mut desk, &clients, size.exact_each, exact);
        let between = resident_bytes()?;
        subscribe_all(&mut desk, &clients, size.wildcard_each, wildcard);
        let after = resident_bytes()?;
        let (exact_count, wildcard_count) =
            (size.sessions * size.exact_each, size.sessions * size.wildcard_each);
        if exact_count >= 100_000 {
            tell("exact", exact_count, before, between);
            tell("wildcard", wildcard_count, between, after);
        }
        let mut cost = |topic: &dyn Fn(usize) -> String| publish_ns(&mut desk, publisher, topic);
        Ok(Costs {
            exact_ns: cost(&|n| exact(n * 7919 % exact_count)),
            wildcard_ns: cost(&|n| wildcard(n * 7919 % wildcard_count).replace('+', "line")),
            unmatched_ns: cost(&|n| format!("plant/{}/other/{n}", n % 7)),
        })
    }
}

fn exact(number: usize) -> String {
    format!("site/{}/device/{number}/state", number % 100)
}

fn wildcard(number: usize) -> String {
    format!("plant/{}/+/{number}/temperature", number % 100)
}

/// Each client subscribes to `each` filters of its own.
fn subscribe_all(desk: &mut Desk, clients: &[Client], each: usize, filter: fn(usize) -> String) {
    for (number, &client) in clients.iter().enumerate() {
        let filters: Vec<String> = (number * each..(number + 1) * each).map(filter).collect();
        for some in filters.chunks(FILTERS_PER_PACKET) {
            let some: Vec<&str> = some.iter().map(String::as_str).collect();
            desk.subscribe(client, &some, Qos::AtMostOnce);
        }
    }
}

fn tell(kind: &str, count: usize, before: u64, after: u64) {
    let each = after.saturating_sub(before) as f64 / count as f64;
    println!("{count:>9} {kind} subscriptions: {each:.0} resident bytes each");
}

fn publish_ns(desk: &mut Desk, publisher: Client, topic: &dyn Fn(usize) -> String) -> f64 {
    let messages: Vec<Vec<u8>> =
        (0..MESSAGES).map(|n| packets::publish(&topic(n), Qos::AtMostOnce, 0, &[0x5A; 64])).collect();
    median_ns(PASSES, MESSAGES as u64, || {
        for batch in messages.chunks(64) {
            batch.iter().for_each(|message| desk.receive(publisher, message));
            desk.settle();
            desk.forget_given();
        }
    })
}

/// The resident set of this process.
fn resident_bytes() -> Result<u64, String> {
    let path = "/proc/self/status";
    let status = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| format!("{path} is not understood"))
}
