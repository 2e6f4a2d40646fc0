//! The long version: clients on two shards publish to one retained topic at the same time. How often what a subscriber got
//! last is not what is kept, and what a message takes from shard to shard; docs/decisions/0014 reads these figures. Run it
//! with `--ignored --nocapture`, beside nothing else; a release build gives the figures that are written down.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ringmq_protocol::Qos;

use crate::broker::{Broker, Engine, Plan, on_both_engines};
use crate::client::{Client, Received};

on_both_engines! {
    #[ignore = "a minute"]
    how_often_live_and_kept_differ,
    #[ignore = "half a minute"]
    how_long_a_message_takes_to_another_shard,
}

/// Topics of one line of the table: each is published to twice.
const TOPICS: usize = 2000;
/// Of these a burst has so many.
const BURST: usize = 100;
/// From the first publish of a topic to the second.
const GAPS_US: [u64; 5] = [0, 20, 50, 200, 1000];
/// Messages of one line of the table of times.
const TRIPS: usize = 5000;

/// One client to publish and one to subscribe, with their home on the same shard.
struct Home {
    publisher: Client,
    subscriber: Client,
}

/// When the second message of a topic is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    /// So long after the first.
    After(Duration),
    /// In one piece with those of the next topics, while the first ones of all these are on their way.
    InBursts,
    /// When the first is acknowledged.
    Acknowledged,
}

/// How a client publishes to topics.
type PublishTo = fn(&mut Client, &[String], &[u8]);

fn how_often_live_and_kept_differ(engine: Engine) {
    for shards in [2, 4] {
        let broker = Plan::new(engine).shards(shards).start();
        let mut homes = homes(&broker, shards);
        for home in &mut homes {
            home.subscriber.subscribe("order/#", Qos::AtMostOnce);
        }
        let mut line = 0;
        let mut run = |what: &str, second: Second, apart: usize| {
            line += 1;
            let prefix = format!("order/{line}");
            let differing = try_topics(&broker, &mut homes, &prefix, second, apart);
            let all = TOPICS * usize::from(shards);
            let subscribers: usize = differing.iter().sum();
            let tries = differing.iter().filter(|&&count| count > 0).count();
            println!(
                "{engine:?}, {shards} shards, {what}: {:.1} % of {all} subscribers, in {:.1} % of {TOPICS} topics",
                100.0 * subscribers as f64 / all as f64,
                100.0 * tries as f64 / TOPICS as f64,
            );
            subscribers
        };
        run("in bursts", Second::InBursts, 1);
        for gap in GAPS_US {
            run(&format!("{gap} us apart"), Second::After(Duration::from_micros(gap)), 1);
        }
        let same = run("both publishers on one shard", Second::After(Duration::ZERO), 0);
        assert_eq!(same, 0, "one shard has one order");
        let caused = run("after PUBACK of the first", Second::Acknowledged, 1);
        assert_eq!(caused, 0, "what was acknowledged comes before what it causes");
        broker.finish();
    }
}

/// Publishes twice to each topic; how many subscribers got last what is not kept, by topic.
fn try_topics(broker: &Broker, homes: &mut [Home], prefix: &str, second: Second, apart: usize) -> Vec<usize> {
    let step = if second == Second::InBursts { BURST } else { 1 };
    for first in (0..TOPICS).step_by(step) {
        let one = first / step % homes.len();
        let other = (one + apart) % homes.len();
        let topics: Vec<String> = (first..first + step).map(|number| format!("{prefix}/{number}")).collect();
        homes[one].publisher.send_retained(&topics, b"first");
        match second {
            Second::After(gap) => {
                let sent = Instant::now();
                while sent.elapsed() < gap {}
            }
            Second::InBursts => {}
            Second::Acknowledged => await_puback(&mut homes[one].publisher),
        }
        homes[other].publisher.send_retained(&topics, b"second");
        (0..step).for_each(|_| await_puback(&mut homes[other].publisher));
        if second != Second::Acknowledged {
            (0..step).for_each(|_| await_puback(&mut homes[one].publisher));
        }
    }
    let kept = kept(broker, prefix);
    let mut differing = vec![0; TOPICS];
    for home in homes {
        let last = last_live(&mut home.subscriber);
        assert_eq!(last.len(), TOPICS, "every topic came live");
        for (number, differing) in differing.iter_mut().enumerate() {
            let topic = format!("{prefix}/{number}");
            *differing += usize::from(last[&topic] != kept[&topic]);
        }
    }
    differing
}

fn await_puback(client: &mut Client) {
    let received = client.next();
    assert!(matches!(received, Received::Puback(..)), "{received:?}");
}

/// What a subscriber got last of each topic since it looked before. The answer to its ping comes behind all messages whose
/// PUBACK was seen.
fn last_live(subscriber: &mut Client) -> HashMap<String, Vec<u8>> {
    subscriber.send(&ringmq_protocol::Packet::Pingreq);
    let mut last = HashMap::new();
    while let Received::Publish { topic, payload, .. } = subscriber.next() {
        last.insert(topic, payload);
    }
    last
}

/// What one who comes later is given.
fn kept(broker: &Broker, prefix: &str) -> HashMap<String, Vec<u8>> {
    let mut reader = Client::connect(broker, "reader");
    reader.subscribe(&format!("{prefix}/+"), Qos::AtMostOnce);
    let mut kept = HashMap::new();
    while kept.len() < TOPICS {
        let Received::Publish { topic, payload, .. } = reader.next() else { panic!("a retained message") };
        kept.insert(topic, payload);
    }
    reader.disconnect();
    kept
}

/// Round trips of one message at a time, from a publisher to a subscriber and to its own PUBACK.
fn how_long_a_message_takes_to_another_shard(engine: Engine) {
    let shards = 2;
    let broker = Plan::new(engine).shards(shards).start();
    let mut homes = homes(&broker, shards);
    for (number, home) in homes.iter_mut().enumerate() {
        home.subscriber.subscribe(&format!("to/{number}/#"), Qos::AtMostOnce);
    }
    let sends: [PublishTo; 2] = [Client::send_at_least_once, Client::send_retained];
    for (retain, send) in sends.into_iter().enumerate() {
        for (what, to) in [("the same shard", 0), ("the other shard", 1)] {
            let mut delivered = Vec::new();
            let mut acknowledged = Vec::new();
            for number in 0..TRIPS {
                // A hundred topics, so that either shard is the home of about half of them.
                let topic = [format!("to/{to}/{}", number % 100)];
                let publisher = &mut homes[0].publisher;
                let begun = Instant::now();
                send(publisher, &topic, b"x");
                await_puback(publisher);
                acknowledged.push(begun.elapsed());
                let received = homes[to].subscriber.next();
                assert!(matches!(received, Received::Publish { .. }), "{received:?}");
                delivered.push(begun.elapsed());
            }
            println!(
                "{engine:?}, RETAIN {retain}, to {what}: PUBACK {}, delivered {}",
                spread(&mut acknowledged),
                spread(&mut delivered)
            );
        }
    }
    broker.finish();
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1000].as_micros();
    format!("{} us (p10 {}, p90 {})", at(500), at(100), at(900))
}

/// Clients with a home on each shard. Which one it is shows in whose thread answers their pings.
fn homes(broker: &Broker, shards: u16) -> Vec<Home> {
    let mut found: Vec<Vec<Client>> = (0..shards).map(|_| Vec::new()).collect();
    for number in 0.. {
        if found.iter().all(|clients| clients.len() >= 2) {
            break;
        }
        let mut client = Client::connect(broker, &format!("client-{number}"));
        let before = broker.figures().sleeps_of_shards(shards);
        (0..50).for_each(|_| client.ping());
        let after = broker.figures().sleeps_of_shards(shards);
        let busiest = (0..usize::from(shards)).max_by_key(|&shard| after[shard] - before[shard]);
        found[busiest.expect("there is a shard")].push(client);
    }
    let pair = |mut clients: Vec<Client>| {
        let (publisher, subscriber) = (clients.swap_remove(0), clients.swap_remove(0));
        Home { publisher, subscriber }
    };
    found.into_iter().map(pair).collect()
}
