//! The running `ringmq` process as its operator and a hostile network see it.
//!
//! Real processes, real sockets, on loopback only and on ports that the kernel chooses. Every wait has a bound and ends
//! with what it waits for. The long versions are run with `--ignored --nocapture`.

mod broker;
mod certificates;
mod client;
mod figures;
mod neighbour;
mod observer;
mod sockets;

mod acknowledgements;
mod admission;
mod certificate_cases;
mod certificate_files;
mod configuration;
mod crowd;
mod descriptors;
mod idle;
mod listeners;
mod locked_memory;
mod logs;
mod resets;
mod retained_order;
mod slow;
mod start;
mod stop;
mod storms;
mod strangers;
mod tls;
mod unfinished;
