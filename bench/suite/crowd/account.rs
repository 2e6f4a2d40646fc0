//! What a crowd takes of the machine.
//!
//! Owns the list of figures. Must never know how the crowd came to be.

use crate::procfs;

/// Memory and sockets at one moment.
pub(super) struct Account {
    pub(super) sockets: u64,
    available: u64,
    slab: u64,
    brokers: u64,
    loads: u64,
}

impl Account {
    /// Of the machine, and of these processes.
    pub(super) fn take(brokers: &[u32], loads: &[u32]) -> Account {
        Account {
            sockets: procfs::sockets(),
            available: procfs::available_bytes(),
            slab: procfs::slab_bytes(),
            brokers: procfs::resident_bytes(brokers),
            loads: procfs::resident_bytes(loads),
        }
    }

    /// Prints what has been taken since `before`, in all and per connection.
    pub(super) fn tell_since(&self, before: &Account, connections: u64) {
        let row = |name: &str, bytes: u64| {
            let each = bytes / connections.max(1);
            println!(
                "{name:<44} {:>10.1} MiB {each:>8} bytes per connection",
                bytes as f64 / f64::from(1 << 20)
            );
        };
        row("brokers, resident", self.brokers);
        row("load, resident", self.loads);
        row("kernel tables (both ends of each connection)", self.slab.saturating_sub(before.slab));
        row("all memory of the machine", before.available.saturating_sub(self.available));
    }
}
