//! An address to listen on, as a url: `tcp://HOST:PORT` or `tls://HOST:PORT`. It never binds a socket.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// What a url must look like, as the end of the sentence "allowed is ...".
pub(super) const ALLOWED: &str = "tcp://HOST:PORT or tls://HOST:PORT (mqtt:// and mqtts:// mean the same), an IPv6 address in brackets, the port from 0 \
     to 65535";

/// What is spoken below MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// Where to listen. The host is an IP address or a name that is resolved at start; it is kept without brackets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ListenUrl {
    /// What is spoken there.
    pub(crate) transport: Transport,
    /// An IP address, in its shortest form, or a host name, in lower case.
    pub(crate) host: String,
    /// 0 for any free port.
    pub(crate) port: u16,
}

impl ListenUrl {
    /// Where the broker listens when nobody says where: MQTT's own ports, for this host only.
    pub(crate) fn defaults() -> [ListenUrl; 4] {
        [
            (Transport::Tcp, "127.0.0.1"),
            (Transport::Tcp, "::1"),
            (Transport::Tls, "127.0.0.1"),
            (Transport::Tls, "::1"),
        ]
        .map(|(transport, host)| {
            let port = if transport == Transport::Tls { 8883 } else { 1883 };
            ListenUrl { transport, host: host.to_owned(), port }
        })
    }

    /// The addresses to bind: one, or all that the name stands for.
    ///
    /// # Errors
    /// The host is a name and cannot be resolved.
    pub(crate) fn addresses(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses: Vec<SocketAddr> = Vec::new();
        // A hosts file may name an address twice.
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(addresses)
    }

    /// Whether two addresses leave no room for each other: one port, and one of them all addresses of the other's
    /// family. `[::]` leaves the addresses of IPv4 to whoever names one.
    pub(crate) fn overlaps(&self, other: &ListenUrl) -> bool {
        let (Some(ours), Some(theirs)) = (self.ip(), other.ip()) else { return false };
        let same_family = ours.is_ipv4() == theirs.is_ipv4();
        let one_is_all = ours.is_unspecified() || theirs.is_unspecified() || ours == theirs;
        self.port != 0 && self.port == other.port && same_family && one_is_all
    }

    /// Whether this is an IP address or a host name, without brackets.
    pub(super) fn is_host(text: &str) -> bool {
        text.parse::<IpAddr>().is_ok() || parse_name(text).is_some()
    }

    /// The host if it is an address.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl Default for ListenUrl {
    fn default() -> Self {
        let [first, ..] = ListenUrl::defaults();
        first
    }
}

impl FromStr for ListenUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| format!("found {text:?}, allowed is {ALLOWED}"))
    }
}

fn parse(text: &str) -> Option<ListenUrl> {
    let (scheme, rest) = text.split_once("://")?;
    let transport = match scheme {
        "tcp" | "mqtt" => Transport::Tcp,
        "tls" | "mqtts" => Transport::Tls,
        _ => return None,
    };
    let (host, port) = rest.rsplit_once(':')?;
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(),
        None => parse_name(host)?,
    };
    Some(ListenUrl { transport, host, port: port.parse().ok()? })
}

/// An IPv4 address or a host name. What consists of digits and dots only must be an address, so that a mistyped
/// one is not asked of a name server.
fn parse_name(host: &str) -> Option<String> {
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return host.parse::<std::net::Ipv4Addr>().ok().map(|ip| ip.to_string());
    }
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.split('.').all(label)).then(|| host.to_ascii_lowercase())
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let brackets = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{}{}{}:{}", self.transport, brackets.0, self.host, brackets.1, self.port)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written_back() {
        let table = [
            ("tcp://127.0.0.1:1883", "tcp://127.0.0.1:1883"),
            ("tls://[::1]:8883", "tls://[::1]:8883"),
            ("mqtt://127.0.0.1:1883", "tcp://127.0.0.1:1883"),
            ("mqtts://broker.example:8883", "tls://broker.example:8883"),
            ("tcp://[0:0:0:0:0:0:0:0]:0", "tcp://[::]:0"),
            ("tcp://Broker-1.example.org:65535", "tcp://broker-1.example.org:65535"),
        ];
        for (text, written) in table {
            assert_eq!(text.parse::<ListenUrl>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn what_is_not_a_url_is_refused_with_the_form_it_should_have() {
        let table = [
            "",
            "127.0.0.1:1883",
            "http://a:1",
            "tcp:/a:1",
            "tcp://a",
            "tcp://a:",
            "tcp://:1",
            "tcp://a:+1",
            "tcp://a:65536",
            "tcp://::1:1883",
            "tcp://[::1]",
            "tcp://[::1:1",
            "tcp://[1.2.3.4]:1",
            "tcp://1.2.3:1",
            "tcp://300.1.1.1:1",
            "tcp://a b:1",
            "tcp://a..b:1",
            "tcp://-a:1",
            "TCP://a:1",
            "tcp://a:1/",
        ];
        for text in table {
            let error = text.parse::<ListenUrl>().unwrap_err();
            assert_eq!(error, format!("found {text:?}, allowed is {ALLOWED}"));
        }
    }

    #[test]
    fn urls_overlap_within_a_family() {
        for (one, other, expected) in [
            ("tcp://0.0.0.0:1", "tls://127.0.0.1:1", true),
            ("tcp://[::]:1", "tcp://[::1]:1", true),
            ("tcp://[::]:1", "tcp://0.0.0.0:1", false),
            ("tcp://0.0.0.0:0", "tcp://127.0.0.1:0", false),
            ("tcp://0.0.0.0:1", "tcp://127.0.0.1:2", false),
            ("tcp://localhost:1", "tcp://127.0.0.1:1", false),
        ] {
            let (one, other): (ListenUrl, ListenUrl) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!(one.overlaps(&other), expected, "{one} {other}");
            assert_eq!(other.overlaps(&one), expected, "{other} {one}");
        }
    }

    #[test]
    fn defaults_are_reachable_from_this_host_only() {
        for url in ListenUrl::defaults() {
            assert!(url.ip().unwrap().is_loopback(), "{url}");
        }
    }
}
