//! `ringmq-bench` and a real broker as processes: what the generator tells is what happened.
//!
//! Between the two stands a proxy that breaks the promises of MQTT in known ways; the broker and the generator are stopped and
//! interrupted; places for the results take nothing. Loopback only, on ports that the kernel chooses. Every wait has a bound.

mod agents;
mod command;
mod faults;
mod judged;
mod own;
mod pages;
mod places;
mod proxy;
mod restart;
mod scratch;
mod stops;
mod told;
mod versus;
