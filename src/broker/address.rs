//! A socket address in half the room, for the connections of which there are many.
//!
//! Owns the form. Must never know what is at the other end.

use std::net::{SocketAddr, SocketAddrV4, SocketAddrV6};

/// The other end of a connection. One of version 6 lies on the heap.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Address {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Address {
        match address {
            SocketAddr::V4(address) => Address::V4(address),
            SocketAddr::V6(address) => Address::V6(Box::new(address)),
        }
    }
}

impl From<&Address> for SocketAddr {
    fn from(address: &Address) -> SocketAddr {
        match address {
            Address::V4(address) => SocketAddr::V4(*address),
            Address::V6(address) => SocketAddr::V6(**address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_as_it_was() {
        for text in ["192.0.2.1:1883", "[2001:db8::1]:8883"] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(SocketAddr::from(&Address::from(address)), address);
        }
    }
}
