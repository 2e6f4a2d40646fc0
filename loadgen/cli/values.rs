//! Values of the command line that have a form of their own: spans, counts, addresses.
//!
//! Owns their parsers. Must never know which option they are for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;

use crate::clock::{MILLISECOND, Nanos, SECOND};
use crate::scenario::{Pace, RateStep, Span};

/// A span of time: `250ms`, `10s`, `2m`, `1h`.
pub(crate) fn span(text: &str) -> Result<Nanos, String> {
    text.parse().map(|Span(nanos)| nanos)
}

/// The length of one interval: a span from 100 ms to an hour.
pub(crate) fn interval(text: &str) -> Result<Nanos, String> {
    let interval = span(text)?;
    match (100 * MILLISECOND..=3600 * SECOND).contains(&interval) {
        true => Ok(interval),
        false => Err("an interval is between 100ms and 1h".into()),
    }
}

/// A share from 0 to 1: `0.05`.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    match f64::from_str(text) {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1, such as 0.05 for 5 %".into()),
    }
}

/// A rate per second above 0: `2500`, `0.5`, `20k`, `1.5M`.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let (number, factor) = match text.strip_suffix('k') {
        Some(number) => (number, 1e3),
        None => text.strip_suffix('M').map_or((text, 1.0), |number| (number, 1e6)),
    };
    match f64::from_str(number).map(|number| number * factor) {
        Ok(rate) if rate > 0.0 && rate <= 1e8 => Ok(rate),
        _ => Err("a rate is a number above 0 and up to 100M per second, such as 500 or 20k".into()),
    }
}

/// A number of bytes: `64`, `1KiB`, `1.5MiB`; `B` may stand behind it.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, f64); 3] = [("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0)];
    let found = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = found.unwrap_or((text.strip_suffix('B').unwrap_or(text), 1.0));
    match f64::from_str(number).map(|number| number * factor) {
        Ok(bytes) if (0.0..=1e15).contains(&bytes) && bytes.fract() == 0.0 => Ok(bytes as u64),
        _ => Err(format!("{text}: a size is a whole number of bytes, such as 64, 1KiB or 1.5MiB")),
    }
}

/// A name and a value: `room=attic`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a property is NAME=VALUE, such as room=attic")?;
    Ok((name.into(), value.into()))
}

/// Rates one after the other: `1k:10s,5k:1m`.
pub(crate) fn steps(text: &str) -> Result<Pace, String> {
    let step = |part: &str| {
        let (number, time) =
            part.split_once(':').ok_or("steps are rates and spans, such as 1k:10s,5k:10s")?;
        Ok(RateStep { rate_per_s: rate(number)?, span: time.parse()? })
    };
    Ok(Pace::Stepped { steps: text.split(',').map(step).collect::<Result<_, String>>()? })
}

/// So many messages at an instant, again after a span: `500:10s`.
pub(crate) fn bursts(text: &str) -> Result<Pace, String> {
    let wrong = "bursts are a number of messages and a span, such as 500:10s";
    let (number, time) = text.split_once(':').ok_or(wrong)?;
    Ok(Pace::Bursts { messages: number.parse().map_err(|_| wrong)?, every: time.parse()? })
}

/// The address of a broker: `tcp://HOST[:PORT]` or `tls://HOST[:PORT]`. `mqtt` and `mqtts` mean the same, as does nothing
/// for `tcp`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct BrokerUrl {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl FromStr for BrokerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<BrokerUrl, String> {
        let (tls, rest) = match text.split_once("://") {
            Some(("tcp" | "mqtt", rest)) => (false, rest),
            Some(("tls" | "mqtts" | "ssl", rest)) => (true, rest),
            Some((scheme, _)) => {
                return Err(format!("{scheme}:// is unknown: use tcp:// or tls://, or mqtt:// or mqtts://"));
            }
            None => (false, text),
        };
        let standard_port = if tls { 8883 } else { 1883 };
        let bare_v6 = rest.starts_with('[') && rest.ends_with(']');
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !bare_v6 => (host, port.parse().map_err(|_| format!("{port} is no port"))?),
            _ => (rest, standard_port),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() { Err("a host is missing".into()) } else { Ok(BrokerUrl { tls, host, port }) }
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls" } else { "tcp" };
        match self.host.contains(':') {
            true => write!(out, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(out, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl fmt::Display for Source {
    /// A network by its first host and its size, which [`Source::from_str`] reads as the same one.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = match self.count {
            1 | 2 => 33 - self.count,
            hosts => 32 - (hosts + 2).trailing_zeros(),
        };
        write!(out, "{}/{bits}", Ipv4Addr::from(self.first))
    }
}

impl BrokerUrl {
    /// The first address of the host.
    ///
    /// # Errors
    /// The name means nothing.
    pub(crate) fn resolve(&self) -> Result<SocketAddr, String> {
        let unknown = |why: &dyn fmt::Display| format!("{}: {why}", self.host);
        let mut addresses = (&*self.host, self.port).to_socket_addrs().map_err(|error| unknown(&error))?;
        addresses.next().ok_or_else(|| unknown(&"no address"))
    }
}

/// IPv4 addresses to connect from: one, or those of a network such as `127.1.0.0/16`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Source {
    first: u32,
    count: u32,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        let wrong = || "an IPv4 address or a network such as 127.1.0.0/16 is wanted".to_owned();
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let address = u32::from(Ipv4Addr::from_str(address).map_err(|_| wrong())?);
        let bits: u32 = bits.parse().ok().filter(|bits| (1..=32).contains(bits)).ok_or_else(wrong)?;
        if bits >= 31 {
            return Ok(Source { first: address, count: 1 << (32 - bits) });
        }
        // The first address names the network, the last one is its broadcast.
        let size = 1 << (32 - bits);
        Ok(Source { first: (address & !(size - 1)) + 1, count: size - 2 })
    }
}

impl Source {
    /// The network at the beginning of 127.0.0.0/8 that has at least so many hosts.
    pub(crate) fn loopback(hosts_min: u32) -> Source {
        let first = u32::from(Ipv4Addr::LOCALHOST);
        Source { first, count: (hosts_min + 2).next_power_of_two() - 2 }
    }

    /// How many addresses there are.
    pub(crate) fn count(self) -> u32 {
        self.count
    }

    /// Address `number`, below the count; port 0 leaves the port to the kernel.
    pub(crate) fn address(self, number: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(Ipv4Addr::from(self.first + number)), 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_neither_a_blink_nor_a_day() {
        assert_eq!(interval("100ms"), Ok(100 * MILLISECOND));
        assert!(interval("99ms").is_err() && interval("2h").is_err() && interval("x").is_err());
    }

    #[test]
    fn rates_are_above_zero() {
        assert_eq!(rate("0.5"), Ok(0.5));
        assert_eq!(rate("20k"), Ok(20_000.0));
        assert_eq!(rate("1.5M"), Ok(1_500_000.0));
        for wrong in ["0", "-3", "x", "", "NaN", "inf", "101M"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_whole_numbers_of_bytes() {
        let all = ["0", "64", "64B", "1KiB", "1.5MiB"].map(bytes);
        assert_eq!(all, [Ok(0), Ok(64), Ok(64), Ok(1024), Ok(1_572_864)]);
        for wrong in ["", "-1", "1.5", "x", "1kb", "NaN", "inf"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn steps_and_bursts_are_pairs() {
        let step = |rate_per_s, seconds| RateStep { rate_per_s, span: Span(seconds * SECOND) };
        assert_eq!(steps("1k:10s,5:1m"), Ok(Pace::Stepped { steps: vec![step(1000.0, 10), step(5.0, 60)] }));
        assert_eq!(bursts("500:10s"), Ok(Pace::Bursts { messages: 500, every: Span(10 * SECOND) }));
        for wrong in ["", "5", "x:1s", "5:x", "5:1s,"] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
        assert!(bursts("1.5:1s").is_err() && bursts("5").is_err());
    }

    #[test]
    fn urls_have_schemes_and_standard_ports() {
        let url = |tls, host: &str, port| Ok(BrokerUrl { tls, host: host.into(), port });
        assert_eq!("tcp://a:1".parse(), url(false, "a", 1));
        assert_eq!("tls://a".parse(), url(true, "a", 8883));
        assert_eq!("mqtt://a:1".parse(), url(false, "a", 1));
        assert_eq!("mqtts://a".parse(), url(true, "a", 8883));
        assert_eq!("a:7".parse(), url(false, "a", 7));
        assert_eq!("127.0.0.1".parse(), url(false, "127.0.0.1", 1883));
        assert_eq!("tcp://[::1]:5".parse(), url(false, "::1", 5));
        assert_eq!("tls://[::1]".parse(), url(true, "::1", 8883));
        for text in ["tcp://a:1", "tls://[::1]:5"] {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().to_string(), text);
        }
        for wrong in ["http://a", "tcp://", "tcp://a:x", "tcp://a:70000"] {
            assert!(wrong.parse::<BrokerUrl>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_network_gives_its_host_addresses() {
        let source: Source = "127.1.0.0/16".parse().unwrap();
        assert_eq!(source.count(), 65_534);
        assert_eq!(source.address(0).to_string(), "127.1.0.1:0");
        assert_eq!(source.address(65_533).to_string(), "127.1.255.254:0");
        let one: Source = "10.0.0.7".parse().unwrap();
        assert_eq!((one.count(), one.address(0).to_string()), (1, "10.0.0.7:0".into()));
        assert_eq!(Source::loopback(2).to_string(), "127.0.0.1/31");
        assert_eq!(Source::loopback(17).to_string(), "127.0.0.1/27");
        for wrong in ["127.0.0.0/33", "127.0.0.0/0", "::1", "x"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
        for text in ["127.1.0.0/16", "10.0.0.7", "10.0.0.6/31", "10.0.0.4/30"] {
            let source: Source = text.parse().unwrap();
            assert_eq!(source.to_string().parse(), Ok(source), "{text}");
        }
    }
}
