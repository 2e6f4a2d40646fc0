//! The simulator's runs: some hundreds of seeds for each number of shards, every one twice.

use ringmq_tests::simulator::plan::Plan;
use ringmq_tests::simulator::run::run;

/// Runs seeds `from..to` twice each.
fn seeds(shard_count: u16, from: u64, to: u64) {
    for seed in from..to {
        let plan = Plan::new(seed, shard_count);
        let (first, second) = (run(&plan), run(&plan));
        if let Some(complaint) = first.complaint {
            panic!("seed {seed} with {shard_count} shards: {complaint}");
        }
        assert_eq!(first.digest, second.digest, "seed {seed} with {shard_count} shards differs from itself");
    }
}

#[test]
fn one_shard() {
    seeds(1, 0, 150);
}

#[test]
fn two_shards() {
    seeds(2, 0, 150);
}

#[test]
fn three_shards() {
    seeds(3, 0, 150);
}

#[test]
fn four_shards() {
    seeds(4, 0, 150);
}
