//! The figures of a run under way for Prometheus: http://ADDRESS:PORT/metrics, text format 0.0.4.
//!
//! Owns the names of the metrics. Must never make the run wait: an answer is what the last interval left behind.

use std::fmt::{self, Write};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tiny_http::{Header, Request, Response, Server};

use crate::series::{Counters, Row, Watcher};

const PATH: &str = "/metrics";
const CONTENT_TYPE: &str = "Content-Type: text/plain; version=0.0.4; charset=utf-8";

/// What the rows so far add up to.
#[derive(Default, Debug)]
struct Figures {
    /// Gauges in it say nothing.
    total: Counters,
    broker_cpu_s: f64,
    last: Row,
}

impl Figures {
    fn add(&mut self, row: &Row) {
        self.total.add(&row.counters);
        self.broker_cpu_s += row.broker.map_or(0.0, |broker| broker.cores * row.span_s);
        self.last = row.clone();
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        for (name, help, value) in [
            ("sent", "Messages sent.", self.total.sent),
            ("acknowledged", "Publishes acknowledged.", self.total.acknowledged),
            ("delivered", "Messages delivered for the first time.", self.total.delivered),
            ("duplicated", "Messages delivered again.", self.total.duplicated),
            ("out_of_order", "Messages delivered after a later one.", self.total.out_of_order),
            ("connected", "Connections that became ready.", self.total.connected),
            ("faults", "Connections that failed or ended by themselves.", self.total.faults),
        ] {
            write_metric(out, &format!("{name}_total"), "counter", help, value)?;
        }
        let help = "Clients connected and, where they are to, subscribed.";
        write_metric(out, "connections_ready", "gauge", help, self.last.counters.ready)?;
        write_metric(out, "connections_open", "gauge", "Connections at present.", self.last.counters.open)?;
        write_metric(
            out,
            "connections_dialling",
            "gauge",
            "Connections being made.",
            self.last.counters.dialling,
        )?;
        self.write_latency(out)?;
        let generator = self.last.generator;
        write_metric(
            out,
            "generator_busy_ratio",
            "gauge",
            "Share of a CPU that the generator used.",
            generator.busy,
        )?;
        let help = "Share of the time that the generator waited for a CPU.";
        write_metric(out, "generator_waiting_ratio", "gauge", help, generator.waiting)?;
        let Some(broker) = self.last.broker else { return Ok(()) };
        write_metric(
            out,
            "broker_cpu_seconds_total",
            "counter",
            "CPU time of the broker.",
            self.broker_cpu_s,
        )?;
        write_metric(
            out,
            "broker_resident_bytes",
            "gauge",
            "Resident memory of the broker.",
            broker.rss_bytes,
        )?;
        write_metric(out, "broker_threads", "gauge", "Threads of the broker.", broker.threads)
    }

    /// Quantiles of the last interval, in seconds as Prometheus has it.
    fn write_latency(&self, out: &mut String) -> fmt::Result {
        let Some(latency) = self.last.latency.as_ref().map(|latency| latency.summary) else { return Ok(()) };
        writeln!(
            out,
            "# HELP ringmq_bench_latency_seconds Latency in the last interval, from the intended time."
        )?;
        writeln!(out, "# TYPE ringmq_bench_latency_seconds gauge")?;
        for (quantile, us) in [
            ("0.5", latency.p50_us),
            ("0.9", latency.p90_us),
            ("0.99", latency.p99_us),
            ("0.999", latency.p999_us),
            ("1", latency.max_us),
        ] {
            writeln!(out, "ringmq_bench_latency_seconds{{quantile=\"{quantile}\"}} {}", us / 1e6)?;
        }
        Ok(())
    }
}

fn write_metric(
    out: &mut String,
    name: &str,
    kind: &str,
    help: &str,
    value: impl fmt::Display,
) -> fmt::Result {
    writeln!(out, "# HELP ringmq_bench_{name} {help}")?;
    writeln!(out, "# TYPE ringmq_bench_{name} {kind}")?;
    writeln!(out, "ringmq_bench_{name} {value}")
}

/// Listens, and answers with what the rows add up to. The thread ends with the process.
///
/// # Errors
/// The address is taken, or not ours.
pub(super) fn watcher(address: SocketAddr) -> io::Result<Watcher> {
    serve(address).map(|(watcher, _)| watcher)
}

fn serve(address: SocketAddr) -> io::Result<(Watcher, Option<SocketAddr>)> {
    let server = Server::http(address).map_err(io::Error::other)?;
    let bound = server.server_addr().to_ip();
    let figures = Arc::new(Mutex::new(Figures::default()));
    let shown = Arc::clone(&figures);
    thread::Builder::new().name("prometheus".into()).spawn(move || {
        for request in server.incoming_requests() {
            answer(request, &shown);
        }
    })?;
    let add = move |row: &Row| figures.lock().unwrap_or_else(PoisonError::into_inner).add(row);
    Ok((Box::new(add), bound))
}

fn answer(request: Request, figures: &Mutex<Figures>) {
    // Whoever asked may be gone.
    let _ = match request.url().split('?').next() {
        Some(PATH) => {
            let mut text = String::new();
            let written = figures.lock().unwrap_or_else(PoisonError::into_inner).write(&mut text);
            assert!(written.is_ok(), "a string takes all text");
            let header: Header = CONTENT_TYPE.parse().expect("the header is a constant");
            request.respond(Response::from_string(text).with_header(header))
        }
        _ => request.respond(Response::from_string("the figures are at /metrics\n").with_status_code(404)),
    };
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::latency::Latency;
    use crate::series::{Distribution, ProcessUse};

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn whoever_asks_is_told_what_the_rows_add_up_to() {
        let (mut add, address) = serve("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = address.unwrap();
        let empty = get(address, PATH);
        assert!(
            empty.starts_with("HTTP/1.1 200") && empty.contains("ringmq_bench_delivered_total 0\n"),
            "{empty}"
        );
        let mut latency = Latency::new();
        latency.record(2_000_000);
        let broker = ProcessUse { cores: 0.5, rss_bytes: 4096, ..ProcessUse::default() };
        let row = Row {
            span_s: 2.0,
            counters: Counters { delivered: 5, open: 7, ..Counters::default() },
            latency: Some(Distribution::new(&latency)),
            broker: Some(broker),
            ..Row::default()
        };
        add(&row);
        add(&row);
        let text = get(address, PATH);
        for line in [
            "ringmq_bench_delivered_total 10",
            "# TYPE ringmq_bench_delivered_total counter",
            "ringmq_bench_connections_open 7",
            "ringmq_bench_broker_cpu_seconds_total 2",
            "ringmq_bench_broker_resident_bytes 4096",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(text.contains("ringmq_bench_latency_seconds{quantile=\"0.5\"} 0.002"), "{text}");
        assert!(get(address, "/").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn an_address_that_is_taken_is_an_error() {
        let (_watcher, address) = serve("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(serve(address.unwrap()).is_err());
    }
}
