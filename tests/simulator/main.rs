//! The simulator's runs, and the scenes.
//!
//! Some hundreds of seeds for each number of shards, every one twice: the same seed must give the same bytes.

use std::path::Path;

use ringmq_tests::simulator::plan::Plan;
use ringmq_tests::simulator::run::run;
use ringmq_tests::simulator::sabotage::Sabotage;
use ringmq_tests::simulator::scene::play::play;

/// Runs seeds `from..to` twice each.
fn seeds(shard_count: u16, from: u64, to: u64) {
    for seed in from..to {
        let plan = Plan::new(seed, shard_count);
        let (first, second) = (run(&plan), run(&plan));
        if let Some(complaint) = first.complaint {
            panic!("simulate --seeds {seed}..{} --shards {shard_count}: {complaint}", seed + 1);
        }
        assert_eq!(first.digest, second.digest, "seed {seed} with {shard_count} shards differs from itself");
    }
}

#[test]
fn one_shard() {
    seeds(1, 0, 400);
}

#[test]
fn two_shards() {
    seeds(2, 0, 300);
}

#[test]
fn three_shards() {
    seeds(3, 0, 300);
}

#[test]
fn four_shards() {
    seeds(4, 0, 300);
}

/// Every scene in `tests/scenes` plays as it is written.
#[test]
fn scenes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut scenes: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    scenes.sort();
    assert!(scenes.len() >= 15, "the scenes are gone");
    let play_file = |path: &Path| play(&std::fs::read_to_string(path).unwrap());
    let faults = scenes.iter().filter_map(|path| Some((path.file_name()?, play_file(path).err()?)));
    let faults: Vec<String> = faults.map(|(name, fault)| format!("{name:?}: {fault}")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Whatever is broken on purpose is found within this many seeds.
const SEEDS_TO_FIND: u64 = 20;

fn first_complaint(sabotage: Sabotage) -> Option<(u64, String)> {
    // With fewer shards, clients more often meet on one.
    let plans =
        [3, 2].into_iter().flat_map(|shards| (0..SEEDS_TO_FIND).map(move |seed| Plan::new(seed, shards)));
    plans.into_iter().find_map(|mut plan| {
        plan.setup.sabotage = sabotage;
        Some((plan.seed, run(&plan).complaint?))
    })
}

#[test]
fn sabotage_is_found() {
    for sabotage in Sabotage::ALL {
        let found = first_complaint(sabotage);
        println!("{sabotage:?}: {found:?}");
        assert!(found.is_some(), "{sabotage:?} was not found in {SEEDS_TO_FIND} seeds");
    }
}
