//! The tables of a page: what was asked for, what happened, what it cost, and where.
//!
//! Owns rows and words. Must never draw.

use std::fmt::{self, Write};

use crate::latency::Summary;
use crate::page::{Cell, Entry, Unit, escape, write_columns, write_entries};
use crate::words::{date_and_time, grouped};

use super::super::{MessageCounts, Report};
use super::{search, steps};

/// The line below the title.
pub(in crate::report) fn subtitle(report: &Report) -> String {
    let scenario = &report.scenario;
    let flows = scenario.flows.iter().map(|flow| format!("; {}", flow.in_words()));
    scenario.clients_in_words() + &flows.collect::<String>()
}

/// The last line of the page.
pub(super) fn footer(report: &Report) -> String {
    format!(
        "{} {}, schema {}, {} engine, started {}, scenario {}",
        report.tool,
        report.version,
        report.schema,
        report.engine,
        date_and_time(report.started_unix_s),
        report.scenario_digest
    )
}

/// Writes all tables.
pub(super) fn write_tables(report: &Report, out: &mut String) -> fmt::Result {
    write_distributions(report, out)?;
    steps::write_table(report, out)?;
    if let Some(found) = &report.search {
        search::write_table(found, out)?;
    }
    if report.traffic.is_some() {
        write_entries("Messages", &messages(report), out)?;
    }
    let flows = flows(report);
    if flows.len() > 1 {
        write_entries("Flows", &flows, out)?;
    }
    let offenders = offenders(report);
    if !offenders.is_empty() {
        write_entries("Worst publishers", &offenders, out)?;
    }
    write_entries("Connections", &connections(report), out)?;
    if report.broker.is_some() {
        write_entries("Broker", &broker(report), out)?;
    }
    write_entries("Generator", &generator(report), out)?;
    write_entries("Machine", &machine(report), out)?;
    let scenario = report.scenario.to_toml();
    writeln!(
        out,
        "<div class=\"table\"><h3>Asked for</h3><details><summary>all settings, defaults resolved</summary><pre>{}</pre></details></div>",
        escape(&scenario)
    )
}

fn write_distributions(report: &Report, out: &mut String) -> fmt::Result {
    let mut rows: Vec<(String, &Summary)> = Vec::new();
    if let Some(traffic) = &report.traffic {
        rows.push(("latency".into(), &traffic.times.latency.summary));
        rows.push(("service time".into(), &traffic.times.service.summary));
        rows.push(("acknowledgement".into(), &traffic.times.acknowledgement.summary));
        rows.push(("generator's lag".into(), &traffic.lag));
        let several = traffic.flows.iter().filter_map(|flow| Some((flow, flow.times.as_ref()?)));
        rows.extend(
            several.map(|(flow, times)| (format!("latency of {}", flow.name), &times.latency.summary)),
        );
    }
    rows.push(("connecting".into(), &report.connections.time.summary));
    if report.connections.recovery.summary.count > 0 {
        rows.push(("back after a cut or loss".into(), &report.connections.recovery.summary));
    }
    let cells = |summary: &Summary| {
        let Summary { p50_us, p90_us, p99_us, p999_us, p9999_us, max_us, .. } = *summary;
        let times = [p50_us, p90_us, p99_us, p999_us, p9999_us, max_us].map(|us| Unit::Micros.show(us));
        [grouped(summary.count)].into_iter().chain(times).map(Cell::Number).collect()
    };
    let rows: Vec<(String, Vec<Cell>)> = rows
        .into_iter()
        .filter(|(_, summary)| summary.count > 0)
        .map(|(name, summary)| (name, cells(summary)))
        .collect();
    write_columns("Durations", &["count", "p50", "p90", "p99", "p99.9", "p99.99", "max"], &rows, out)
}

fn entry(name: &str, value: impl fmt::Display) -> Entry {
    (name.to_owned(), value.to_string())
}

/// A rate to a whole number.
fn whole(per_s: f64) -> String {
    grouped(per_s.round() as u64)
}

fn messages(report: &Report) -> Vec<Entry> {
    let Some(traffic) = &report.traffic else { return Vec::new() };
    vec![
        entry("due by the schedule", grouped(traffic.counts.due)),
        entry("sent", grouped(traffic.counts.sent)),
        entry("deliveries expected", grouped(traffic.counts.expected)),
        entry("delivered", grouped(traffic.counts.delivered)),
        entry("lost", grouped(traffic.counts.lost)),
        entry("duplicated", grouped(traffic.counts.duplicated)),
        entry("out of order", grouped(traffic.counts.out_of_order)),
        entry("for someone else", grouped(traffic.counts.strays)),
        entry("acknowledged", grouped(traffic.counts.acknowledged)),
        entry("refused", grouped(traffic.counts.rejected)),
        entry("measured for", Unit::Seconds.show(traffic.measured_s)),
        entry("sent per second", whole(traffic.sent_per_s)),
        entry("delivered per second", whole(traffic.delivered_per_s)),
    ]
}

fn flows(report: &Report) -> Vec<Entry> {
    let rows = report.traffic.iter().flat_map(|traffic| &traffic.flows);
    rows.map(|flow| {
        let MessageCounts { sent, delivered, lost, duplicated, out_of_order, .. } = &flow.counts;
        let counts = [(sent, "sent"), (delivered, "delivered"), (lost, "lost"), (duplicated, "duplicated")];
        let told = counts.map(|(count, what)| format!("{} {what}", grouped(*count)));
        (flow.name.clone(), format!("{}, {} out of order", told.join(", "), grouped(*out_of_order)))
    })
    .collect()
}

fn offenders(report: &Report) -> Vec<Entry> {
    let rows = report.traffic.iter().flat_map(|traffic| &traffic.offenders);
    rows.map(|row| {
        let first = row.first_lost.map_or(String::new(), |first| format!(" (the first: message {first})"));
        let counts = format!(
            "{} lost{first}, {} duplicated, {} out of order",
            grouped(row.lost),
            grouped(row.duplicated),
            grouped(row.out_of_order)
        );
        (row.topic.clone(), counts)
    })
    .collect()
}

fn connections(report: &Report) -> Vec<Entry> {
    let connections = &report.connections;
    let mut entries = vec![
        entry("asked for", grouped(connections.asked.into())),
        entry("ready", grouped(connections.ready)),
        entry("failed or ended", grouped(connections.faults)),
        entry("from first to last", Unit::Seconds.show(connections.seconds)),
        entry("per second", whole(connections.per_s)),
        entry(
            "pings and answers",
            format!("{} and {}", grouped(connections.pings), grouped(connections.pongs)),
        ),
    ];
    if connections.cut + connections.lost > 0 {
        entries.extend([
            entry("cut on purpose", grouped(connections.cut)),
            entry("ended by themselves", grouped(connections.lost)),
            entry("back, missing", format!("{}, {}", grouped(connections.recovered), connections.missing)),
            entry("attempts to come back that failed", grouped(connections.failed_attempts)),
            entry("persistent sessions forgotten", grouped(connections.sessions_lost)),
        ]);
    }
    entries.extend(connections.fault_texts.iter().map(|(text, count)| entry(text, grouped(*count))));
    entries
}

fn broker(report: &Report) -> Vec<Entry> {
    let Some(broker) = &report.broker else { return Vec::new() };
    let mut entries: Vec<Entry> = broker
        .processes
        .iter()
        .map(|process| {
            (
                format!("process {}", process.pid),
                format!("{} (CPUs {})", process.command, process.cpus_allowed),
            )
        })
        .collect();
    let micros = |us: f64| Unit::Micros.show(us);
    entries.extend(broker.cpu_us_per_delivered.map(|us| entry("CPU per message delivered", micros(us))));
    entries.extend(broker.cpu_us_per_sent.map(|us| entry("CPU per message sent", micros(us))));
    entries.extend(broker.cpu_us_per_connection.map(|us| entry("CPU per connection made", micros(us))));
    for (name, span) in
        [("connecting", &broker.connecting), ("measured", &broker.measured), ("holding", &broker.held)]
    {
        entries.extend(span.as_ref().map(|span| {
            entry(
                &format!("while {name}"),
                format!(
                    "{} cores for {}; {} voluntary, {} other context switches",
                    Unit::Cores.show(span.cores),
                    Unit::Seconds.show(span.seconds),
                    grouped(span.voluntary_switches),
                    grouped(span.involuntary_switches)
                ),
            )
        }));
    }
    let bytes = |bytes: u64| Unit::Bytes.show(bytes as f64);
    entries.push(entry(
        "memory at the start, at the end",
        format!("{}, {}", bytes(broker.rss_start_bytes), broker.rss_end_bytes.map_or("gone".into(), bytes)),
    ));
    entries.extend(
        broker.bytes_per_connection.map(|bytes| entry("memory per connection", Unit::Bytes.show(bytes))),
    );
    let further = broker.bytes_per_further_connection;
    entries.extend(further.map(|bytes| entry("after the first tenth", Unit::Bytes.show(bytes))));
    entries.push(entry("threads", broker.threads));
    entries.push(entry("busiest thread of any interval", Unit::Percent.show(broker.busiest_thread_max)));
    entries
}

fn generator(report: &Report) -> Vec<Entry> {
    let generator = &report.generator;
    let mut entries = vec![entry("memory", Unit::Bytes.show(generator.rss_bytes as f64))];
    entries.extend(
        generator.headroom.map(|headroom| entry("its thread on a CPU", Unit::Percent.show(headroom.busy))),
    );
    entries.extend(
        generator.headroom.map(|headroom| entry("waiting for a CPU", Unit::Percent.show(headroom.waiting))),
    );
    entries.extend(generator.cpu_us_per_message.map(|us| entry("CPU per message", Unit::Micros.show(us))));
    entries.extend(
        generator.bytes_per_connection.map(|bytes| entry("memory per connection", Unit::Bytes.show(bytes))),
    );
    entries.push(entry("longest pause", Unit::Seconds.show(generator.longest_pause_s)));
    let is_shared = generator.shares_cpu_with_broker.map(|shared| if shared { "yes" } else { "no" });
    entries.extend(is_shared.map(|text| entry("may run on a CPU of the broker", text)));
    entries
}

fn machine(report: &Report) -> Vec<Entry> {
    let host = &report.host;
    let mut entries = vec![
        entry("CPU", format!("{} ({}, {} logical CPUs)", host.cpu_model, host.architecture, host.cpus)),
        entry("kernel", &host.kernel),
        entry("memory", Unit::Bytes.show(host.memory_bytes as f64)),
        entry("generator's CPUs", &host.cpus_allowed),
        entry(
            "open files",
            format!("{} of {}", grouped(host.limits.files_soft), grouped(host.limits.files_hard)),
        ),
        entry("ports for connections", &host.limits.local_ports),
        entry("load average before", host.load_average),
    ];
    entries.extend(host.governor.as_ref().map(|governor| entry("governor", governor)));
    entries.extend(host.virtualisation.as_ref().map(|maker| entry("virtual machine", maker)));
    entries
}
