//! A failure as a file: the seed, what is left of its plan, and what happened, as a scene.
//!
//! Owns the two lines that `--replay` reads: `plan SEED SHARDS` and `keep NUMBERS`. Everything else is for people.

use super::op::Op;
use super::plan::Plan;
use super::run::run_and_tell;
use super::setup::Weather;

/// Writes a plan down, with its complaint and what happened.
pub fn write(plan: &Plan) -> String {
    let (outcome, lines) = run_and_tell(plan);
    let complaint = outcome.complaint.unwrap_or_else(|| "no complaint".into());
    let shards = plan.setup.shard_count;
    let kept: Vec<String> = kept_numbers(plan).iter().map(ToString::to_string).collect();
    format!("# {complaint}\nplan {} {shards}\nkeep {}\n{}\n", plan.seed, kept.join(" "), lines.join("\n"))
}

/// The numbers of the operations that are left of a seed's plan. One whose weather was made calm is negative.
fn kept_numbers(plan: &Plan) -> Vec<i64> {
    let whole = Plan::new(plan.seed, plan.setup.shard_count);
    let mut numbers = Vec::new();
    let mut left = plan.ops.iter().peekable();
    for (number, op) in whole.ops.iter().enumerate() {
        let number = i64::try_from(number).unwrap_or(i64::MAX);
        match left.peek() {
            Some(next) if *next == op => numbers.push(number),
            Some(Op::Weather(next)) if matches!(op, Op::Weather(_)) && *next == Weather::CALM => {
                numbers.push(-number - 1);
            }
            _ => continue,
        }
        left.next();
    }
    numbers
}

/// Reads a plan; `None` if the file is a scene.
///
/// # Errors
/// What is wrong with the file.
pub fn read(text: &str) -> Result<Option<Plan>, String> {
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    let Some(named) = line("plan ") else { return Ok(None) };
    let numbers: Vec<u64> = named.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [seed, shards] = numbers[..] else { return Err("plan wants a seed and a number of shards".into()) };
    let mut plan = Plan::new(seed, u16::try_from(shards).map_err(|_| "too many shards")?);
    if let Some(kept) = line("keep ") {
        let kept =
            kept.split(' ').map(|word| word.parse::<i64>().map_err(|_| format!("{word:?} is no number")));
        let ops = kept.map(|number| kept_op(&plan, number?));
        plan.ops = ops.collect::<Result<_, String>>()?;
    }
    Ok(Some(plan))
}

fn kept_op(plan: &Plan, number: i64) -> Result<Op, String> {
    let index = if number < 0 { -number - 1 } else { number };
    let op = usize::try_from(index).ok().and_then(|index| plan.ops.get(index));
    let op = op.ok_or_else(|| format!("the plan has no operation {index}"))?;
    Ok(if number < 0 { Op::Weather(Weather::CALM) } else { op.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::run::run;

    #[test]
    fn a_plan_comes_back_from_its_file() {
        let mut plan = Plan::new(3, 2);
        plan.ops.drain(4..9);
        plan.ops.drain(20..40);
        plan.ops[0] = Op::Weather(Weather::CALM);
        let again = read(&write(&plan)).unwrap().unwrap();
        assert_eq!(again.ops, plan.ops);
        assert_eq!(run(&again), run(&plan));
    }

    #[test]
    fn a_scene_is_no_plan() {
        assert!(read("shards 2\nA> CONNECT v5\n").unwrap().is_none());
        assert!(read("plan x\n").is_err());
    }
}
