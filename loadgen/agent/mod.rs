//! One run by several processes: agents that do a part each, and the controller that puts the parts together.
//!
//! Owns how they talk. Must never publish a message: each part is a run like any other.
//!
//! ```text
//! controller                                   agent
//!   Clock            ──►   ◄──  Clock          many times: how far apart the clocks are
//!   Job              ──►   ◄──  Ready          its part of the scenario, checked
//!   Start            ──►                       zero of the run, on the agent's clock
//!                          ◄──  Reached        a stage that is over when everybody is through
//!   Open             ──►                       everybody is through
//!                          ◄──  Alive          every second
//!                          ◄──  Done           what it has counted and measured
//! ```
//!
//! | file | subject |
//! | --- | --- |
//! | `wire` | messages between controller and agent |
//! | `serve` | an agent |
//! | `control` | the controller |
//! | `offset` | how far apart two clocks are, and how sure that is |
//! | `watch` | the broker, where it is on the controller's machine |
//! | `part` | what an agent has counted and measured, and the sum of all |

mod control;
mod offset;
mod part;
mod serve;
#[cfg(test)]
mod tests;
mod watch;
mod wire;

pub(crate) use control::measure_with_agents;
pub(crate) use serve::serve;
