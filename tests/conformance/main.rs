//! Each statement of the standard that binds a server, and the tests that prove it.
//!
//! Every area is a file of plain functions with a list on top that names, for each, the statements it proves. The
//! tests see the broker only as a client does: bytes in, bytes out, and the counters that an operator sees.

mod client;
mod registry;
mod report;
mod statements;
mod trial;
mod wire;

macro_rules! areas {
    ($($area:ident)*) => {
        $(mod $area;)*

        /// The tests of all areas.
        pub(crate) const AREAS: &[&[registry::Proof]] = &[$($area::PROOFS),*];
    };
}

areas! {
    alias
    auth
    backlog
    connack
    connect
    disconnect
    expiry
    flow_control
    keep_alive
    malformed
    offers
    order
    packet_size
    property_table
    publish
    qos1
    qos2
    retained
    session
    shared
    subscribe
    topics
    unsubscribe
    versions
    will
}
