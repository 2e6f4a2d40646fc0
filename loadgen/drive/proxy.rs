//! The header of the PROXY protocol, which a load balancer writes in front of a connection.
//!
//! Owns its two forms (HAProxy, "The PROXY protocol", versions 1 and 2). The client's address in it is made up, one for each
//! client. Must never know a socket.

use std::net::{Ipv4Addr, SocketAddr};

use crate::scenario::Proxy;

/// The first bytes of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Appends the header for a client of this number.
pub(crate) fn put_header(proxy: Proxy, client: u32, to: SocketAddr, out: &mut Vec<u8>) {
    // 10.0.0.0/8 has room for all clients that there may be.
    let from = Ipv4Addr::from(0x0A00_0000 | (client & 0xFF_FFFF));
    let port = 1024 + (client % 60_000) as u16;
    match (proxy, to) {
        (Proxy::None, _) => {}
        (Proxy::V1, SocketAddr::V4(to)) => {
            let line = format!("PROXY TCP4 {from} {} {port} {}\r\n", to.ip(), to.port());
            out.extend_from_slice(line.as_bytes());
        }
        (Proxy::V1, SocketAddr::V6(_)) => out.extend_from_slice(b"PROXY UNKNOWN\r\n"),
        (Proxy::V2, SocketAddr::V4(to)) => {
            out.extend_from_slice(SIGNATURE);
            // Version 2, PROXY; TCP over IPv4; twelve bytes follow.
            out.extend_from_slice(&[0x21, 0x11, 0, 12]);
            out.extend_from_slice(&from.octets());
            out.extend_from_slice(&to.ip().octets());
            out.extend_from_slice(&port.to_be_bytes());
            out.extend_from_slice(&to.port().to_be_bytes());
        }
        (Proxy::V2, SocketAddr::V6(_)) => {
            out.extend_from_slice(SIGNATURE);
            // Version 2, LOCAL; no address.
            out.extend_from_slice(&[0x20, 0, 0, 0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(proxy: Proxy, to: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_header(proxy, 258, to.parse().unwrap(), &mut out);
        out
    }

    #[test]
    fn both_versions_name_the_client_and_the_broker() {
        assert_eq!(header(Proxy::V1, "127.0.0.1:1883"), b"PROXY TCP4 10.0.1.2 127.0.0.1 1282 1883\r\n");
        let binary = header(Proxy::V2, "127.0.0.1:1883");
        assert_eq!(binary[..12], SIGNATURE[..]);
        assert_eq!(binary[12..], [0x21, 0x11, 0, 12, 10, 0, 1, 2, 127, 0, 0, 1, 5, 2, 7, 0x5B]);
        assert!(header(Proxy::None, "127.0.0.1:1883").is_empty());
        assert_eq!(header(Proxy::V1, "[::1]:1883"), b"PROXY UNKNOWN\r\n");
        assert_eq!(header(Proxy::V2, "[::1]:1883").len(), 16);
    }
}
