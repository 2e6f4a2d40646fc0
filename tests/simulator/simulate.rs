//! Runs seeds of the simulator.

use ringmq_tests::simulator::plan::Plan;
use ringmq_tests::simulator::run::{run, run_and_tell};

fn main() {
    std::panic::set_hook(Box::new(|_| {}));
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let mut failed = 0;
    if args[0] == args[1] {
        let (outcome, lines) = run_and_tell(&Plan::new(args[0], args[2] as u16));
        for line in lines {
            println!("{line}");
        }
        println!("{outcome:?}");
    }
    for seed in args[0]..args[1] {
        let plan = Plan::new(seed, args[2] as u16);
        if let Some(complaint) = run(&plan).complaint {
            failed += 1;
            println!("seed {seed}: {complaint}");
        }
    }
    println!("{failed} failed");
}
