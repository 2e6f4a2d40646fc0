//! Between the network ring and the shard: which protocol a socket speaks, TLS, and the emptying of the trays.

pub(crate) mod handoff;
pub(crate) mod material;
pub(crate) mod pump;
pub(crate) mod receive;
pub(crate) mod sniff;
pub(crate) mod tls;
pub(crate) mod trays;
pub(crate) mod wire;
