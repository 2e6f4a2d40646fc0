//! What is logged and how a line looks. Which lines there are about connections is for `connection_log`.

use std::io;
use std::io::IsTerminal;
use std::panic;

use ringmq_broker::cause::Level;
use tracing::error;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::config::{Log, LogFormat, LogLevel};

/// How the targets of our own crates begin.
const OURS: &str = "ringmq";

/// Sends log lines to standard error, as configured.
pub(crate) fn start(log: &Log) {
    let targets =
        Targets::new().with_default(filter(log.packages_level)).with_target(OURS, filter(log.level));
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let registry = tracing_subscriber::registry();
    match log.format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(io::stderr().is_terminal()).with_filter(targets)).init();
        }
        LogFormat::Json => {
            registry.with(lines.json().with_filter(targets)).init();
            panic::set_hook(Box::new(|panic| error!("a defect of ringmq ends it: {panic}")));
        }
    }
}

/// Writes why there is no broker, or none any more: as the last line, in the form of all others.
pub(crate) fn give_up(format: LogFormat, lines: &str) {
    for line in lines.lines() {
        match format {
            LogFormat::Text => eprintln!("ringmq: {line}"),
            LogFormat::Json => error!("{line}"),
        }
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// The least level of notes that the shards leave: debugging shows both ends of every connection, tracing every packet,
/// else only broken rules and limits are worth one.
pub(crate) fn notes_level(log: &Log) -> Level {
    match log.level {
        LogLevel::Trace => Level::Trace,
        LogLevel::Debug => Level::Debug,
        LogLevel::Error | LogLevel::Warn | LogLevel::Info => Level::Warn,
    }
}
