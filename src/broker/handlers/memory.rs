//! The bound on the memory for messages, known to all shards: one shard that has reached its part stops publishers
//! everywhere, since their messages may have to be kept there.

use crate::letter::{Letter, MemoryState};
use crate::seed::ShardId;
use crate::shard::Shard;

/// Tells the other shards when this one has reached its part of the memory, and when an eighth of it is free again.
pub(crate) fn watch(shard: &mut Shard) {
    if !shard.has_peers() {
        return;
    }
    let clients = &mut shard.clients;
    // Letters on their way stop only publishers here: they are no burden to other shards, and nobody would wake this one
    // to take the word back once they are read.
    let held = clients.meter.bytes() + clients.partial_bytes;
    let max = clients.limits.message_bytes_max;
    let state = match clients.told_memory {
        MemoryState::Free if held >= max => MemoryState::Full,
        MemoryState::Full if held <= max - max / 8 => MemoryState::Free,
        _ => return,
    };
    clients.told_memory = state;
    for to in (0..shard.setup.shard_count).filter(|&to| to != shard.setup.shard) {
        shard.clients.trays.post(to, Letter::Memory(state));
    }
}

/// Another shard told.
pub(crate) fn told(shard: &mut Shard, from: ShardId, state: MemoryState) {
    match state {
        MemoryState::Full => shard.clients.full_elsewhere.insert(from),
        MemoryState::Free => shard.clients.full_elsewhere.remove(from),
    }
}
