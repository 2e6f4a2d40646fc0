//! What fingers type that know another broker: options that ringmq does not have, and the ones that are meant.
//!
//! Owns the pairs. Must never accept anything.

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Options of other brokers, most of them mosquitto's, and what to say instead.
const HABITS: &[(&[&str], &str)] = &[
    (
        &["-p", "--port"],
        "to listen on a port of this host: --listen tcp://127.0.0.1:PORT; of all addresses: tcp://0.0.0.0:PORT",
    ),
    (&["-c", "--config-file", "--conf"], "to read a configuration file: --config FILE"),
    (
        &["-v", "--verbose", "--debug"],
        "to see every connection: --set log.level=debug; every packet: --set log.level=trace",
    ),
    (&["-q", "--quiet"], "to see only what is wrong: --set log.level=warn"),
    (
        &["-d", "--daemon", "--background"],
        "ringmq stays in the foreground: run it under systemd, or with & in a shell",
    ),
    (&["-t", "--test", "--test-config"], "to check a configuration file: ringmq check-config FILE"),
    (&["--cafile", "--ca"], "for the authorities of clients: --tls-client-ca FILE"),
    (&["--cert"], "for the certificate of this broker: --tls-cert FILE"),
    (&["--key"], "for the private key of this broker: --tls-key FILE"),
    (&["-b", "--bind", "--host"], "to choose the address: --listen tcp://ADDRESS:PORT"),
];

/// The sentence for an option that does not exist, if it is a known habit.
pub(super) fn hint(error: &clap::Error) -> Option<&'static str> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let Some(ContextValue::String(found)) = error.get(ContextKind::InvalidArg) else { return None };
    let option = found.split(['=', ' ']).next()?;
    HABITS.iter().find(|(options, _)| options.contains(&option)).map(|(_, sentence)| *sentence)
}
