//! The report for a reader at a terminal.
//!
//! Owns the layout. Must never compute what JSON does not have.

use std::fmt::{self, Write};

use crate::latency::Summary;
use crate::search::Search;

use super::costs::{BrokerCosts, GeneratorCosts, Headroom, Span};
use super::offenders::OffenderRow;
use super::{Connections, FlowCounts, Flowed, MessageCounts, ProbeCounts, Report};

/// Publishers that a reader at a terminal is told of.
const OFFENDERS_SHOWN: usize = 5;

/// Writes all of it.
pub(super) fn write_report(report: &Report, out: &mut String) -> fmt::Result {
    write_head(report, out)?;
    write_connections(&report.connections, out)?;
    if let Some(traffic) = &report.traffic {
        write_traffic(traffic, out)?;
    }
    if let Some(broker) = &report.broker {
        write_broker(broker, out)?;
    }
    write_generator(&report.generator, out)?;
    if let Some(search) = &report.search {
        write_search(search, out)?;
    }
    write_verdict(report, out)
}

fn write_head(report: &Report, out: &mut String) -> fmt::Result {
    let Report { scenario, target, .. } = report;
    let scheme = if target.tls { "tls" } else { "tcp" };
    write!(out, "{} to {scheme}://{}", scenario.name, target.broker)?;
    writeln!(out, ", {}, seed {}, {}", scenario.clients_in_words(), scenario.seed, report.engine)?;
    if !target.agents.is_empty() {
        let mut errors: Vec<f64> = target.agents.iter().map(|agent| agent.clock_error_us).collect();
        errors.sort_by(f64::total_cmp);
        let bound: f64 = errors.iter().rev().take(2).sum();
        let count = errors.len();
        writeln!(out, "agents        {count}; latencies from one to another are right to {bound:.0} us")?;
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
    let Connections { asked, ready, faults, seconds, per_s, time, .. } = connections;
    writeln!(
        out,
        "connections   {ready} of {asked} ready in {seconds:.2} s ({per_s:.0}/s), {faults} failed or ended"
    )?;
    for (text, count) in &connections.fault_texts {
        writeln!(out, "              {count} x {text}")?;
    }
    write_distribution("connecting", &time.summary, out)?;
    if connections.lost + connections.cut > 0 {
        let Connections { lost, cut, recovered, missing, sessions_lost, .. } = connections;
        writeln!(
            out,
            "recovery      {lost} lost, {cut} cut, {recovered} back, {missing} missing, {sessions_lost} sessions forgotten"
        )?;
    }
    write_distribution("recovery", &connections.recovery.summary, out)?;
    if let Some(ProbeCounts { made, failed, missed, time }) = &connections.probes {
        writeln!(out, "probes        {made} made, {failed} failed, {missed} missed")?;
        write_distribution("probing", &time.summary, out)?;
    }
    Ok(())
}

fn write_traffic(traffic: &Flowed, out: &mut String) -> fmt::Result {
    let MessageCounts { sent, expected, delivered, lost, duplicated, out_of_order, .. } = &traffic.counts;
    write!(out, "messages      {sent} sent, {delivered} ")?;
    if *expected > 0 {
        write!(out, "of {expected} ")?;
    }
    writeln!(out, "delivered")?;
    writeln!(out, "              {lost} lost, {duplicated} duplicated, {out_of_order} out of order")?;
    write_offenders(traffic, out)?;
    write!(out, "rate          ")?;
    if traffic.sent_per_s > 0.0 {
        write!(out, "{:.0}/s sent, ", traffic.sent_per_s)?;
    }
    writeln!(out, "{:.0}/s delivered over {:.2} s", traffic.delivered_per_s, traffic.measured_s)?;
    write_distribution("latency", &traffic.times.latency.summary, out)?;
    write_distribution("service", &traffic.times.service.summary, out)?;
    write_distribution("ack", &traffic.times.acknowledgement.summary, out)?;
    write_distribution("own lag", &traffic.lag, out)?;
    for FlowCounts { name, counts, times, .. } in &traffic.flows {
        let Some(times) = times else { continue };
        writeln!(
            out,
            "{name:<13} {} sent, {} delivered, {} lost",
            counts.sent, counts.delivered, counts.lost
        )?;
        write_distribution("", &times.latency.summary, out)?;
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
            writeln!(out, "              {figure:.3} us {what}")?;
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
        write!(out, ", {figure:.3} us per message sent or received")?;
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
    match search.highest_per_s {
        Some(rate) => writeln!(
            out,
            "highest rate  {rate:.0}/s with {}; the figures above are of that run",
            search.bound
        ),
        None => writeln!(out, "FAILED        no rate was found with {}", search.bound),
    }
}

fn write_verdict(report: &Report, out: &mut String) -> fmt::Result {
    let verdict = &report.verdict;
    for note in &verdict.notes {
        writeln!(out, "note          {note}")?;
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

fn write_distribution(name: &str, summary: &Summary, out: &mut String) -> fmt::Result {
    let Summary { count, p50_us, p90_us, p99_us, p999_us, p9999_us, max_us, .. } = *summary;
    if count == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "{name:<13} p50 {}  p90 {}  p99 {}  p99.9 {}  p99.99 {}  max {}",
        Micros(p50_us),
        Micros(p90_us),
        Micros(p99_us),
        Micros(p999_us),
        Micros(p9999_us),
        Micros(max_us)
    )
}

/// A duration in a unit that suits it.
struct Micros(f64);

impl fmt::Display for Micros {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            us if us < 1e3 => write!(out, "{us:.1} us"),
            us if us < 1e6 => write!(out, "{:.2} ms", us / 1e3),
            us => write!(out, "{:.2} s", us / 1e6),
        }
    }
}

/// CPU use in words.
struct Cpu<'a>(&'a Span);

impl fmt::Display for Cpu<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Span { seconds, user_s, system_s, cores, .. } = self.0;
        write!(out, "{cores:.2} cores over {seconds:.2} s (user {user_s:.2} s, system {system_s:.2} s)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        let shown = [0.5, 999.94, 1000.0, 1_234_567.0].map(|us| Micros(us).to_string());
        assert_eq!(shown, ["0.5 us", "999.9 us", "1.00 ms", "1.23 s"]);
    }
}
