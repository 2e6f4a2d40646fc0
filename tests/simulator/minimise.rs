//! Makes a failing plan smaller: fewer operations, fewer shards, fairer weather, the same complaint.
//!
//! Owns the search (delta debugging). Must never accept a plan that fails for another reason.

use super::op::Op;
use super::plan::Plan;
use super::run::run;
use super::setup::Weather;

/// Runs after which the search is content with what it has.
const RUNS_MAX: usize = 4000;

/// The smallest plan found that fails in the same way, or the plan itself.
pub fn minimise(plan: &Plan) -> Plan {
    let Some(complaint) = run(plan).complaint else { return plan.clone() };
    let mut search = Search { best: plan.clone(), kind: kind_of(&complaint), runs_left: RUNS_MAX };
    search.drop_operations();
    search.calm_down();
    search.drop_shards();
    search.drop_operations();
    search.best
}

/// A complaint without the names and numbers that differ from run to run.
fn kind_of(complaint: &str) -> String {
    let letters: String = complaint.chars().filter(|char| !char.is_ascii_digit()).collect();
    letters.split(' ').filter(|word| word.trim_end_matches(':').len() > 1).collect::<Vec<_>>().join(" ")
}

struct Search {
    best: Plan,
    kind: String,
    runs_left: usize,
}

impl Search {
    /// Tries a plan; takes it if it fails in the same way.
    fn attempt(&mut self, plan: Plan) -> bool {
        if self.runs_left == 0 {
            return false;
        }
        self.runs_left -= 1;
        let is_same = run(&plan).complaint.is_some_and(|complaint| kind_of(&complaint) == self.kind);
        if is_same {
            self.best = plan;
        }
        is_same
    }

    /// Leaves out runs of operations, long ones first, until none can be left out.
    fn drop_operations(&mut self) {
        let mut len = self.best.ops.len() / 2;
        while len > 0 {
            let mut start = 0;
            let mut has_shrunk = false;
            while start < self.best.ops.len() {
                let mut plan = self.best.clone();
                plan.ops.drain(start..(start + len).min(plan.ops.len()));
                if self.attempt(plan) {
                    has_shrunk = true;
                } else {
                    start += len;
                }
            }
            len = if has_shrunk && len == 1 { 1 } else { len / 2 };
        }
    }

    fn calm_down(&mut self) {
        for index in 0..self.best.ops.len() {
            if matches!(self.best.ops[index], Op::Weather(weather) if weather != Weather::CALM) {
                let mut plan = self.best.clone();
                plan.ops[index] = Op::Weather(Weather::CALM);
                self.attempt(plan);
            }
        }
    }

    fn drop_shards(&mut self) {
        for shard_count in 1..self.best.setup.shard_count {
            let mut plan = self.best.clone();
            plan.setup.shard_count = shard_count;
            if self.attempt(plan) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::sabotage::Sabotage;

    #[test]
    fn complaints_of_one_kind_are_alike() {
        assert_eq!(kind_of("A: B12 (QoS 1 on a) never"), kind_of("C: D7 (QoS 2 on a) never"));
        assert_ne!(kind_of("A was lost"), kind_of("A was found"));
    }

    /// A sabotaged world fails; its plan becomes much smaller and still fails.
    #[test]
    fn a_failing_plan_becomes_small() {
        let broken = |seed| {
            let mut plan = Plan::new(seed, 3);
            plan.setup.sabotage = Sabotage::ClearDup;
            plan
        };
        let plan = (0..100).map(broken).find(|plan| run(plan).complaint.is_some()).unwrap();
        let small = minimise(&plan);
        assert!(run(&small).complaint.is_some());
        assert!(small.ops.len() * 4 < plan.ops.len(), "{} of {} operations", small.ops.len(), plan.ops.len());
    }
}
