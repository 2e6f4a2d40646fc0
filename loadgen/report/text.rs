//! The report for a reader at a terminal.
//!
//! Owns the layout. Must never compute what JSON does not have.

use std::fmt::{self, Write};

use crate::latency::Summary;
use crate::scenario::Stage;
use crate::search::Search;
use crate::words::{Micros, bytes, date_and_time, grouped, rate};

use super::costs::{BrokerCosts, GeneratorCosts, Headroom, Span};
use super::offenders::OffenderRow;
use super::steps::StepFigures;
use super::{Connections, FlowCounts, Flowed, MessageCounts, ProbeCounts, Report};

/// Publishers that a reader at a terminal is told of.
const OFFENDERS_SHOWN: usize = 5;

/// A column of durations.
type Column = (&'static str, u64, fn(&Summary) -> f64);

/// The columns of durations: their names, and how many durations there must be for one to be more than a guess.
const PERCENTILES: [Column; 6] = [
    ("p50", 1, |summary| summary.p50_us),
    ("p90", 10, |summary| summary.p90_us),
    ("p99", 100, |summary| summary.p99_us),
    ("p99.9", 1_000, |summary| summary.p999_us),
    ("p99.99", 10_000, |summary| summary.p9999_us),
    ("max", 1, |summary| summary.max_us),
];

/// What the names of figures mean, as far as they stand in a report.
const LEGEND: &[(&str, &str)] = &[
    ("latency", "from the time a message was due until a subscriber had it"),
    ("service", "from the time it left until a subscriber had it"),
    ("ack", "from the time it was due until its PUBACK or PUBCOMP"),
    ("own lag", "how late the generator itself was, which latency contains"),
    ("headroom", "what the generator's one thread had left; with less than 5 % the run is not valid"),
];

/// Writes all of it.
pub(super) fn write_report(report: &Report, out: &mut String) -> fmt::Result {
    write_head(report, out)?;
    write_connections(&report.connections, out)?;
    if let Some(traffic) = &report.traffic {
        write_traffic(report, traffic, out)?;
    }
    write_durations(report, out)?;
    if let Some(traffic) = &report.traffic {
        write_steps(&traffic.steps, out)?;
    }
    if let Some(broker) = &report.broker {
        write_broker(broker, out)?;
    }
    write_generator(&report.generator, out)?;
    if let Some(search) = &report.search {
        write_search(search, out)?;
    }
    write_verdict(report, out)?;
    write_legend(out)
}

fn write_head(report: &Report, out: &mut String) -> fmt::Result {
    let Report { scenario, target, host, .. } = report;
    let scheme = if target.tls { "tls" } else { "tcp" };
    write!(out, "{} to {scheme}://{}", scenario.name, target.broker)?;
    writeln!(out, ", {}, seed {}, {}", scenario.clients_in_words(), scenario.seed, report.engine)?;
    let started = date_and_time(report.started_unix_s);
    writeln!(out, "{started}, {} {}, Linux {}", report.tool, report.version, host.kernel)?;
    let guest = if host.virtualisation.is_some() { ", a virtual machine" } else { "" };
    let memory = bytes(host.memory_bytes as f64);
    writeln!(out, "machine       {}, {} CPUs, {memory}{guest}", host.cpu_model, host.cpus)?;
    for process in report.broker.iter().flat_map(|broker| &broker.processes) {
        writeln!(
            out,
            "broker        {} (process {}, CPUs {})",
            process.command, process.pid, process.cpus_allowed
        )?;
    }
    if !target.agents.is_empty() {
        let mut errors: Vec<f64> = target.agents.iter().map(|agent| agent.clock_error_us).collect();
        errors.sort_by(f64::total_cmp);
        let bound: f64 = errors.iter().rev().take(2).sum();
        let count = errors.len();
        writeln!(out, "agents        {count}; latencies from one to another are right to {}", Micros(bound))?;
    }
    if scenario.scale != 1.0 {
        writeln!(out, "scale         {} of the original scenario", scenario.scale)?;
    }
    for flow in &scenario.flows {
        writeln!(out, "{:<13} {}", flow.name, flow.in_words())?;
    }
    Ok(())
}

fn write_connections(connections: &Connections, out: &mut String) -> fmt::Result {
    let Connections { asked, ready, faults, seconds, per_s, .. } = connections;
    let (ready, asked, per_s) = (grouped(*ready), grouped((*asked).into()), rate(*per_s));
    writeln!(
        out,
        "connections   {ready} of {asked} ready in {seconds:.2} s ({per_s}), {faults} failed or ended"
    )?;
    for (text, count) in &connections.fault_texts {
        writeln!(out, "              {count} x {text}")?;
    }
    if connections.lost + connections.cut > 0 {
        let Connections { lost, cut, recovered, missing, sessions_lost, .. } = connections;
        writeln!(
            out,
            "recovery      {lost} lost, {cut} cut, {recovered} back, {missing} missing, sessions forgotten: {sessions_lost}"
        )?;
    }
    if let Some(ProbeCounts { made, failed, missed, .. }) = &connections.probes {
        writeln!(out, "probes        {made} made, {failed} failed, {missed} missed")?;
    }
    Ok(())
}

fn write_traffic(report: &Report, traffic: &Flowed, out: &mut String) -> fmt::Result {
    let MessageCounts { sent, expected, delivered, lost, duplicated, out_of_order, .. } = &traffic.counts;
    write!(out, "messages      {} sent, {} ", grouped(*sent), grouped(*delivered))?;
    if *expected > 0 {
        write!(out, "of {} ", grouped(*expected))?;
    }
    let has_warm_up = report.scenario.stages.iter().any(|stage| matches!(stage, Stage::WarmUp { .. }));
    writeln!(out, "delivered{}", if has_warm_up { ", those of the warm-up among them" } else { "" })?;
    writeln!(
        out,
        "              {} lost, {} duplicated, {} out of order",
        grouped(*lost),
        grouped(*duplicated),
        grouped(*out_of_order)
    )?;
    write_offenders(traffic, out)?;
    write!(out, "rate          ")?;
    if traffic.sent_per_s > 0.0 {
        write!(out, "{} sent, ", rate(traffic.sent_per_s))?;
    }
    write!(out, "{} delivered", rate(traffic.delivered_per_s))?;
    // Reports of older versions know no bytes.
    if traffic.delivered_bytes_per_s > 0.0 {
        write!(out, " ({}/s)", bytes(traffic.delivered_bytes_per_s))?;
    }
    writeln!(out, " over {:.2} s", traffic.measured_s)?;
    for FlowCounts { name, counts, times, .. } in &traffic.flows {
        if times.is_some() {
            writeln!(
                out,
                "{name:<13} {} sent, {} delivered, {} lost",
                grouped(counts.sent),
                grouped(counts.delivered),
                grouped(counts.lost)
            )?;
        }
    }
    Ok(())
}

/// All distributions, one below the other.
fn write_durations(report: &Report, out: &mut String) -> fmt::Result {
    let connections = &report.connections;
    let mut rows =
        vec![("connecting", &connections.time.summary), ("recovery", &connections.recovery.summary)];
    rows.extend(connections.probes.as_ref().map(|probes| ("probing", &probes.time.summary)));
    if let Some(traffic) = &report.traffic {
        rows.extend([
            ("latency", &traffic.times.latency.summary),
            ("service", &traffic.times.service.summary),
            ("ack", &traffic.times.acknowledgement.summary),
            ("own lag", &traffic.lag),
        ]);
        let several = traffic.flows.iter().filter_map(|flow| Some((flow, flow.times.as_ref()?)));
        rows.extend(several.map(|(flow, times)| (flow.name.as_str(), &times.latency.summary)));
    }
    rows.retain(|(_, summary)| summary.count > 0);
    if rows.is_empty() {
        return Ok(());
    }
    write!(out, "{:<13}", "")?;
    PERCENTILES.iter().try_for_each(|(name, ..)| write!(out, " {name:>10}"))?;
    writeln!(out)?;
    for (name, summary) in rows {
        write_row(name, summary, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn write_row(name: &str, summary: &Summary, out: &mut String) -> fmt::Result {
    write!(out, "{name:<13}")?;
    for (_, least, of) in PERCENTILES {
        match summary.count >= least {
            true => write!(out, " {:>10}", Micros(of(summary)))?,
            false => write!(out, " {:>10}", "-")?,
        }
    }
    Ok(())
}

/// A line for each step: what was asked for, what came of it, and the latency of what was delivered meanwhile.
fn write_steps(steps: &[StepFigures], out: &mut String) -> fmt::Result {
    if steps.is_empty() {
        return Ok(());
    }
    write!(out, "{:<13}", "steps")?;
    PERCENTILES.iter().try_for_each(|(name, ..)| write!(out, " {name:>10}"))?;
    writeln!(out, "   delivered")?;
    for step in steps {
        write_row(&rate(step.rate_per_s), &step.latency, out)?;
        write!(out, "   {} over {:.1} s", rate(step.delivered_per_s), step.seconds)?;
        if let Some(us) = step.cpu_us_per_delivered {
            write!(out, ", {us:.2} \u{b5}s of the broker's CPU each")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_offenders(traffic: &Flowed, out: &mut String) -> fmt::Result {
    for OffenderRow { topic, lost, first_lost, duplicated, out_of_order, .. } in
        traffic.offenders.iter().take(OFFENDERS_SHOWN)
    {
        write!(out, "              {topic}: {lost} lost")?;
        if let Some(first) = first_lost {
            write!(out, ", the first was message {first}")?;
        }
        writeln!(out, "; {duplicated} duplicated, {out_of_order} out of order")?;
    }
    match traffic.offender_count.saturating_sub(OFFENDERS_SHOWN as u64) {
        0 => Ok(()),
        more => writeln!(out, "              and {more} more publishers"),
    }
}

fn write_broker(broker: &BrokerCosts, out: &mut String) -> fmt::Result {
    for (name, span) in
        [("connecting", &broker.connecting), ("measured", &broker.measured), ("held", &broker.held)]
    {
        if let Some(span) = span {
            writeln!(out, "broker CPU    {}, {name}", Cpu(span))?;
        }
    }
    for (figure, what) in [
        (broker.cpu_us_per_connection, "per connection made"),
        (broker.cpu_us_per_sent, "per message sent"),
        (broker.cpu_us_per_delivered, "per message delivered"),
    ] {
        if let Some(figure) = figure {
            writeln!(out, "              {figure:.3} \u{b5}s {what}")?;
        }
    }
    let mib = |bytes: u64| bytes as f64 / (1 << 20) as f64;
    write!(out, "broker RSS    {:.1} MiB before, ", mib(broker.rss_start_bytes))?;
    match broker.rss_end_bytes {
        Some(bytes) => write!(out, "{:.1} MiB at the end", mib(bytes))?,
        None => write!(out, "gone at the end")?,
    }
    if let Some(bytes) = broker.bytes_per_connection {
        write!(out, ", {bytes:.0} bytes per connection")?;
    }
    if let Some(bytes) = broker.bytes_per_further_connection {
        write!(out, ", {bytes:.0} per connection after the first tenth")?;
    }
    writeln!(out)
}

fn write_generator(generator: &GeneratorCosts, out: &mut String) -> fmt::Result {
    let mib = generator.rss_bytes as f64 / (1 << 20) as f64;
    write!(out, "generator     RSS {mib:.1} MiB")?;
    if let Some(span) = &generator.measured {
        write!(out, ", {}", Cpu(span))?;
    }
    if let Some(figure) = generator.cpu_us_per_message {
        write!(out, ", {figure:.3} \u{b5}s per message sent or received")?;
    }
    match generator.bytes_per_connection {
        Some(bytes) => writeln!(out, ", {bytes:.0} bytes per connection")?,
        None => writeln!(out)?,
    }
    let Some(Headroom { busy, waiting, free }) = generator.headroom else { return Ok(()) };
    write!(out, "headroom      the generator's one thread was {:.0} % busy", busy * 100.0)?;
    if waiting >= 0.005 {
        write!(out, ", waited for a CPU {:.0} %", waiting * 100.0)?;
    }
    writeln!(out, " and had {:.0} % left", free * 100.0)
}

fn write_search(search: &Search, out: &mut String) -> fmt::Result {
    for step in &search.steps {
        writeln!(out, "tried         {}", step.in_words(&search.bound))?;
    }
    let (name, text) = search.in_words();
    let which = if search.highest_per_s.is_some() { "that run" } else { "the last run" };
    writeln!(out, "{name:<13} {text}. The figures above are of {which}")
}

fn write_verdict(report: &Report, out: &mut String) -> fmt::Result {
    let verdict = &report.verdict;
    for note in &verdict.notes {
        writeln!(out, "note          {note}")?;
    }
    for judged in &verdict.thresholds {
        let word = if judged.is_crossed { "FAILED" } else { "ok" };
        writeln!(out, "threshold     {}: {}, {word}", judged.fail_if, judged.found_in_words())?;
    }
    for failure in &verdict.failures {
        writeln!(out, "FAILED        {failure}")?;
    }
    for reason in &verdict.invalid {
        writeln!(out, "INVALID       {reason}")?;
    }
    match verdict.is_valid && verdict.is_passed {
        true => writeln!(out, "ok            every check passed"),
        false => Ok(()),
    }
}

fn write_legend(out: &mut String) -> fmt::Result {
    // A name that is explained and does not occur would make a reader look for it.
    let is_there = |name: &str| out.lines().any(|line| line.starts_with(&format!("{name:<14}")));
    let told: Vec<_> = LEGEND.iter().filter(|(name, _)| is_there(name)).collect();
    if !told.is_empty() {
        writeln!(out)?;
    }
    told.into_iter().try_for_each(|(name, meaning)| writeln!(out, "{name}: {meaning}"))
}

/// CPU use in words.
struct Cpu<'a>(&'a Span);

impl fmt::Display for Cpu<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { seconds, user_s, system_s, cores, .. } = self.0;
        write!(out, "{cores:.2} cores over {seconds:.2} s (user {user_s:.2} s, system {system_s:.2} s)")
    }
}
