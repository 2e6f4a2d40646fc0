//! The configuration as the broker starts with it: listeners with everything that holds for them, and values
//! that were checked against each other.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::draft::{Draft, Said, Target};
use super::fault::{Fault, Faults, Place};
use super::{ClientAuth, General, Limits, ListenUrl, Log, Mqtt, Network, Settings, Tls, Topics, Transport};

/// Most bytes of a string of MQTT.
const STRING_BYTES_MAX: usize = 65_535;

/// Everything an operator can decide, complete and without contradiction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Data folder, shards, stop.
    pub(crate) general: General,
    /// What is logged.
    pub(crate) log: Log,
    /// What concerns topics.
    pub(crate) topics: Topics,
    /// The bounds.
    pub(crate) limits: Limits,
    /// Sockets and engine.
    pub(crate) network: Network,
    /// Where to listen; at least one, in the order of the file. Its place is its number.
    pub(crate) listeners: Vec<Listener>,
    /// Who chose `limits.connections_max`.
    pub(crate) connections_max_origin: Origin,
    /// The file it is from.
    pub(crate) file: Option<PathBuf>,
}

impl Config {
    /// A line for an operator who gave no listener and may wonder why other hosts get no answer.
    pub(crate) fn listen_hint(&self) -> Option<&'static str> {
        self.listeners.iter().all(|listener| listener.origin == Origin::Default).then_some(
            "listening for this host only; for others: \
             ringmq --listen tcp://0.0.0.0:1883 --listen tls://0.0.0.0:8883",
        )
    }
}

/// One listener and what holds for its clients.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listener {
    /// Its name in logs and metrics, unlike that of every other listener.
    pub(crate) name: String,
    /// Where to listen.
    pub(crate) url: ListenUrl,
    /// Who asked for it.
    pub(crate) origin: Origin,
    /// Whether all addresses are those of IPv6.
    pub(crate) ipv6_only: bool,
    /// Connections at once; never above `limits.connections_max`.
    pub(crate) connections_max: u32,
    /// What its clients are offered.
    pub(crate) mqtt: Mqtt,
    /// Certificates and handshakes; without meaning on tcp://.
    pub(crate) tls: Tls,
}

/// Who asked for a listener or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The operator. A listener that cannot be bound is then an error, a limit that cannot be reached a warning.
    Given,
    /// Nobody: a default listener may be left out where the host has no such address family.
    Default,
}

/// Checks everything against everything.
///
/// # Errors
/// All faults of the draft and all contradictions in it.
pub(super) fn make(draft: Draft) -> Result<Config, Faults> {
    let mut planner = Planner { draft, faults: Vec::new() };
    if planner.draft.is_broken {
        return Err(planner.finish());
    }
    let listeners = planner.listeners();
    planner.check_broker();
    planner.check_listeners(&listeners);
    if !planner.faults.is_empty() || !planner.draft.faults.is_empty() {
        return Err(planner.finish());
    }
    let connections_max_origin =
        if planner.is_given(None, "limits.connections_max") { Origin::Given } else { Origin::Default };
    let Settings { general, log, topics, limits, network, .. } = planner.draft.settings;
    Ok(Config { general, log, topics, limits, network, listeners, connections_max_origin, file: None })
}

struct Planner {
    draft: Draft,
    faults: Vec<Fault>,
}

impl Planner {
    fn finish(mut self) -> Faults {
        self.faults.splice(0..0, self.draft.faults.drain(..));
        let mut faults = Faults(self.faults).sorted();
        // One contradiction in `[tls]` shows at every tls:// listener.
        faults.0.dedup();
        faults
    }

    /// The listeners asked for, or else the default ones.
    fn listeners(&self) -> Vec<Listener> {
        let settings = &self.draft.settings;
        let mut listeners: Vec<Listener> = if self.draft.listeners.is_empty() {
            ListenUrl::defaults().into_iter().map(|url| plan_default(settings, url)).collect()
        } else {
            self.draft.listeners.iter().map(|listener| plan_given(listener.over(settings))).collect()
        };
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        for listener in listeners.iter_mut().filter(|listener| listener.name.is_empty()) {
            let url = listener.url.to_string();
            let count = seen.entry(url.clone()).or_default();
            *count += 1;
            listener.name = if *count == 1 { url } else { format!("{url}#{count}") };
        }
        listeners
    }

    fn check_broker(&mut self) {
        let limits = self.draft.settings.limits.clone();
        let shards = u32::from(self.draft.settings.general.shards);
        if limits.sessions_max < limits.connections_max {
            let what = format!(
                "limits.sessions_max is {}, limits.connections_max is {}, but every connection has a session",
                limits.sessions_max, limits.connections_max
            );
            self.conflict(None, &["limits.sessions_max", "limits.connections_max"], what);
        }
        if limits.message_bytes_max < limits.retained_bytes_max {
            let what = format!(
                "limits.message_bytes_max is {}, limits.retained_bytes_max is {}, but retained messages are part \
                 of all messages",
                limits.message_bytes_max, limits.retained_bytes_max
            );
            self.conflict(None, &["limits.retained_bytes_max", "limits.message_bytes_max"], what);
        }
        // What the filter tables can number, if each level of each filter is a node of its own.
        if u64::from(limits.subscriptions_max) * u64::from(limits.topic_levels_max) >= u64::from(u32::MAX) {
            let what = format!(
                "limits.subscriptions_max is {}, limits.topic_levels_max is {}, but their product must be below {}",
                limits.subscriptions_max,
                limits.topic_levels_max,
                u32::MAX
            );
            self.conflict(None, &["limits.topic_levels_max", "limits.subscriptions_max"], what);
        }
        let shared_out = [
            ("limits.connections_max", limits.connections_max),
            ("limits.handshakes_max", limits.handshakes_max),
        ];
        for (key, bound) in shared_out {
            if bound < shards {
                let what = format!("{key} is {bound}, which leaves nothing for some of {shards} shards");
                self.conflict(None, &[key, "shards"], what);
            }
        }
    }

    fn check_listeners(&mut self, listeners: &[Listener]) {
        if listeners.iter().all(|listener| listener.url.transport == Transport::Tcp) {
            self.check_no_tls();
        }
        let given = !self.draft.listeners.is_empty();
        for (number, listener) in listeners.iter().enumerate() {
            let own = given.then_some(number);
            if own.is_some() && !self.is_given(own, "listener.url") {
                self.conflict(own, &["listener.url"], "missing, every listener needs one".to_owned());
                continue;
            }
            self.check_bounds(own, listener);
            self.check_mqtt(own, listener);
            match listener.url.transport {
                Transport::Tcp => self.check_tcp(own),
                Transport::Tls => self.check_tls(own, &listener.tls),
            }
            if own.is_some() {
                self.check_unlike(number, &listeners[..number], listener);
            }
        }
    }

    fn check_bounds(&mut self, own: Option<usize>, listener: &Listener) {
        let limits = &self.draft.settings.limits;
        let (connections_max, packet_bytes_max) = (limits.connections_max, listener.mqtt.packet_bytes_max);
        let roof = [
            ("limits.send_queue_bytes_max", u64::from(limits.send_queue_bytes_max)),
            ("limits.message_bytes_max", limits.message_bytes_max),
        ];
        if listener.connections_max > connections_max {
            let what = format!(
                "found {}, allowed is at most limits.connections_max, which is {connections_max}",
                listener.connections_max
            );
            self.conflict(own, &["listener.connections_max", "limits.connections_max"], what);
        }
        for (key, bytes_max) in roof {
            if bytes_max < u64::from(packet_bytes_max) {
                let what = format!(
                    "mqtt.packet_bytes_max is {packet_bytes_max}, {key} is {bytes_max}, but a packet of full size \
                     must fit"
                );
                self.conflict(own, &["mqtt.packet_bytes_max", key], what);
            }
        }
    }

    fn check_mqtt(&mut self, own: Option<usize>, listener: &Listener) {
        let prefix = &listener.mqtt.response_information;
        if prefix.contains(['+', '#']) {
            let what = format!("found {prefix:?}, allowed is the beginning of a topic name, without + and #");
            self.conflict(own, &["mqtt.response_information"], what);
        }
        let client_id_bytes_max = usize::from(listener.mqtt.client_id_bytes_max);
        if !prefix.is_empty() && prefix.len() + client_id_bytes_max > STRING_BYTES_MAX {
            let what = format!(
                "mqtt.response_information has {} bytes, mqtt.client_id_bytes_max is {client_id_bytes_max}, but both \
                 together make a string, which holds at most {STRING_BYTES_MAX}",
                prefix.len()
            );
            self.conflict(own, &["mqtt.response_information", "mqtt.client_id_bytes_max"], what);
        }
    }

    /// Where nothing is encrypted the keys of `[tls]` are of no use either.
    fn check_no_tls(&mut self) {
        let keys: Vec<String> =
            self.draft.said.places.keys().filter(|key| key.starts_with("tls.")).cloned().collect();
        for key in keys {
            let what = "given, but every listener is tcp://, which does not encrypt: make one tls:// or remove the key";
            self.conflict(None, &[&key], what.to_owned());
        }
    }

    /// A plain listener has no use for keys of TLS; whoever gave them believes it is encrypted.
    fn check_tcp(&mut self, own: Option<usize>) {
        let Some(number) = own else { return };
        let said = &self.draft.listeners[number].said;
        let keys: Vec<String> = said.places.keys().filter(|key| key.starts_with("tls.")).cloned().collect();
        for key in keys {
            let what =
                "given for a tcp:// listener, which does not encrypt: make its url tls:// or remove the key";
            self.conflict(own, &[&key], what.to_owned());
        }
    }

    fn check_tls(&mut self, own: Option<usize>, tls: &Tls) {
        match (&tls.cert, &tls.key) {
            (Some(_), None) => self.conflict(own, &["tls.cert", "tls.key"], needs("tls.cert", "tls.key")),
            (None, Some(_)) => self.conflict(own, &["tls.key", "tls.cert"], needs("tls.key", "tls.cert")),
            (Some(_), Some(_)) if !tls.names.0.is_empty() => {
                let what = "tls.names is for the certificate that the broker makes itself, but tls.cert names another: \
                            remove one of them";
                self.conflict(own, &["tls.names", "tls.cert"], what.to_owned());
            }
            _ => {}
        }
        if let Some(name) = tls.names.0.iter().find(|name| !ListenUrl::is_host(name)) {
            let what =
                format!("found {name:?}, allowed are host names and IP addresses, without scheme and port");
            self.conflict(own, &["tls.names"], what);
        }
        match (tls.client_auth, &tls.client_ca) {
            (ClientAuth::None, Some(_)) => {
                let what = "tls.client_ca is given, but tls.client_auth is \"none\", so that no certificate would \
                            be checked: make it \"optional\" or \"required\"";
                self.conflict(own, &["tls.client_ca", "tls.client_auth"], what.to_owned());
            }
            (ClientAuth::Optional | ClientAuth::Required, None) => {
                self.conflict(
                    own,
                    &["tls.client_auth", "tls.client_ca"],
                    needs("tls.client_auth", "tls.client_ca"),
                );
            }
            _ => {}
        }
    }

    /// No two listeners share an address or a name.
    fn check_unlike(&mut self, number: usize, others: &[Listener], listener: &Listener) {
        for (other_number, other) in others.iter().enumerate() {
            let there = self.draft.listeners[other_number].place.clone();
            let same_address = (&other.url.host, other.url.port) == (&listener.url.host, listener.url.port);
            if same_address && listener.url.port != 0 {
                let what =
                    format!("found \"{}\", but the listener at {there} has the same address", listener.url);
                self.conflict(Some(number), &["listener.url"], what);
            }
            if !same_address && other.url.overlaps(&listener.url) {
                let what = format!(
                    "found \"{}\", but the listener at {there} has that address with \"{}\"",
                    listener.url, other.url
                );
                self.conflict(Some(number), &["listener.url"], what);
            }
            if other.name == listener.name && !same_address {
                let what =
                    format!("found \"{}\", but the listener at {there} has the same name", listener.name);
                self.conflict(Some(number), &["listener.name"], what);
            }
        }
    }

    /// Whether the key was given, to this listener or the broker, be it rightly or wrongly.
    fn is_given(&self, own: Option<usize>, key: &str) -> bool {
        let given = |said: &Said| said.places.contains_key(key) || said.refused.contains(key);
        self.said(own).any(|(_, said)| given(said))
    }

    /// What was said, nearest first.
    fn said(&self, own: Option<usize>) -> impl Iterator<Item = (Target, &Said)> {
        let nearest = own.map(|number| (Target::Listener(number), &self.draft.listeners[number].said));
        nearest.into_iter().chain([(Target::Broker, &self.draft.said)])
    }

    /// Notes that these keys do not fit, and blames the first that was given. A key that was refused by itself
    /// has already been complained about: its value is not the operator's.
    fn conflict(&mut self, own: Option<usize>, keys: &[&str], what: String) {
        if keys.iter().any(|key| self.said(own).any(|(_, said)| said.refused.contains(*key))) {
            return;
        }
        let given = keys.iter().find_map(|key| {
            self.said(own)
                .find_map(|(target, said)| Some((said.places.get(*key)?.clone(), target.shown(key))))
        });
        let begin = || own.map_or(Place::Default, |number| self.draft.listeners[number].place.clone());
        let (place, key) = given.unwrap_or_else(|| (begin(), keys[0].to_owned()));
        self.faults.push(Fault::new(place, key, what));
    }
}

fn needs(key: &str, other: &str) -> String {
    format!("{key} is given, but {other} is not")
}

fn plan_default(settings: &Settings, url: ListenUrl) -> Listener {
    let mut own = settings.clone();
    own.listener.url = url;
    Listener { origin: Origin::Default, ..plan_given(own) }
}

fn plan_given(own: Settings) -> Listener {
    let connections_max = match own.listener.connections_max {
        0 => own.limits.connections_max,
        bound => bound,
    };
    Listener {
        name: own.listener.name,
        url: own.listener.url,
        origin: Origin::Given,
        ipv6_only: own.listener.ipv6_only,
        connections_max,
        mqtt: own.mqtt,
        tls: own.tls,
    }
}
