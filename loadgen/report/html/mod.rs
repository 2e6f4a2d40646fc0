//! A report as one page that any browser opens without a network: verdict, figures, plots, tables.
//!
//! Owns the page. Must never compute a figure that the report does not hold.

mod charts;
mod plot;
mod scale;
mod tables;

use std::fmt::{self, Write};

use super::Report;
use scale::Unit;

/// The button's script: everything else works without any.
const SCRIPT: &str = "document.querySelector('button').onclick=()=>{const r=document.documentElement,\
    d=r.dataset.theme?r.dataset.theme==='dark':matchMedia('(prefers-color-scheme: dark)').matches;\
    r.dataset.theme=d?'light':'dark'}";

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let mut out = String::new();
    let written = write_page(report, &mut out);
    assert!(written.is_ok(), "a string takes all text");
    out
}

fn write_page(report: &Report, out: &mut String) -> fmt::Result {
    let title = format!("{} against {}", report.scenario.name, report.target.broker);
    writeln!(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">")?;
    writeln!(out, r#"<meta name="viewport" content="width=device-width, initial-scale=1">"#)?;
    writeln!(out, "<title>{}</title>\n<style>{}</style></head>", escape(&title), include_str!("page.css"))?;
    writeln!(out, "<body><main><header><div><h1>{}</h1>", escape(&title))?;
    writeln!(out, "<p class=\"soft\">{}</p></div>", escape(&tables::subtitle(report)))?;
    writeln!(out, "<button type=\"button\">light / dark</button></header>")?;
    write_verdict(report, out)?;
    write_tiles(report, out)?;
    writeln!(out, "<h2>Course of the run</h2><div class=\"plots\">")?;
    for plot in charts::charts(report) {
        plot.write(out)?;
    }
    writeln!(out, "</div><h2>Figures</h2><div class=\"tables\">")?;
    tables::write_tables(report, out)?;
    writeln!(out, "</div><footer>{}</footer></main>", escape(&tables::footer(report)))?;
    writeln!(out, "<script>{SCRIPT}</script></body></html>")
}

fn write_verdict(report: &Report, out: &mut String) -> fmt::Result {
    let verdict = &report.verdict;
    let (class, word) = match (verdict.is_valid, verdict.is_passed) {
        (true, true) => ("good", "Passed: every check of the broker, and the generator kept up"),
        (false, true) => ("warn", "Invalid: these figures do not tell what the broker can do"),
        (true, false) => ("bad", "Failed: the broker did not keep what MQTT promises"),
        (false, false) => ("bad", "Failed, and the run is not valid"),
    };
    write!(out, r#"<section class="verdict {class}"><strong>{word}</strong>"#)?;
    let reasons = [&verdict.failures, &verdict.invalid, &verdict.notes];
    if reasons.iter().any(|list| !list.is_empty()) {
        write!(out, "<ul>")?;
        for reason in reasons.into_iter().flatten() {
            write!(out, "<li>{}</li>", escape(reason))?;
        }
        write!(out, "</ul>")?;
    }
    writeln!(out, "</section>")
}

fn write_tiles(report: &Report, out: &mut String) -> fmt::Result {
    writeln!(out, r#"<div class="tiles">"#)?;
    for (figure, what) in tiles(report) {
        writeln!(out, r#"<div class="tile"><b>{}</b><span>{}</span></div>"#, escape(&figure), escape(what))?;
    }
    writeln!(out, "</div>")
}

/// The figures that one looks at first.
fn tiles(report: &Report) -> Vec<(String, &'static str)> {
    let mut tiles = Vec::new();
    match &report.traffic {
        Some(traffic) => {
            let latency = &traffic.times.latency.summary;
            tiles.extend([
                (Unit::PerSecond.show(traffic.delivered_per_s), "delivered"),
                (Unit::Micros.show(latency.p50_us), "median latency"),
                (Unit::Micros.show(latency.p99_us), "p99 latency"),
                (Unit::Micros.show(latency.p999_us), "p99.9 latency"),
                (Unit::Micros.show(latency.max_us), "longest latency"),
                (Unit::Count.show(traffic.counts.lost as f64), "lost"),
            ]);
        }
        None => {
            let time = &report.connections.time.summary;
            tiles.extend([
                (Unit::Count.show(report.connections.ready as f64), "connections ready"),
                (Unit::PerSecond.show(report.connections.per_s), "connected"),
                (Unit::Micros.show(time.p50_us), "median time to connect"),
                (Unit::Micros.show(time.p99_us), "p99 time to connect"),
            ]);
        }
    }
    if let Some(broker) = &report.broker {
        let per_message = broker.cpu_us_per_delivered.map(|us| (us, "broker CPU per delivery"));
        let per_connection = broker.cpu_us_per_connection.map(|us| (us, "broker CPU per connection"));
        tiles.extend(per_message.or(per_connection).map(|(us, what)| (Unit::Micros.show(us), what)));
        let bytes = broker
            .bytes_per_connection
            .map(|bytes| (Unit::Bytes.show(bytes), "broker memory per connection"));
        tiles.extend(bytes);
    }
    let headroom = report.generator.headroom;
    tiles.extend(headroom.map(|headroom| (Unit::Percent.show(headroom.free), "of the generator's CPU left")));
    tiles
}

/// Text as HTML.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}
