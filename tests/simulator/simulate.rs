//! Runs seeds of the simulator.
fn main() {}
