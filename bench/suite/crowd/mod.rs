//! As many idle connections as are asked for, or as this machine can hold: broker and load on the one machine.
//!
//! Owns the plan, the order of the steps and the account of them. Each part of the crowd is one process of ringmq-bench with
//! loopback addresses of its own. A broker process serves as many parts as it may have descriptors for, or all of them if its shards
//! have tables of their own for connections.

mod account;
mod part;

use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::cli::CrowdArgs;
use crate::launch::{Running, Site};
use crate::procfs;

use account::Account;
use part::Part;

/// Descriptors of a process that are no connections of clients.
const OTHER_DESCRIPTORS: u64 = 200;

/// Connections of one part at most, so that progress shows.
const PART_MAX: u64 = 50_000;

/// No new connection in this time: nothing more comes.
const PATIENCE: Duration = Duration::from_secs(15);

/// How the crowd is divided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Division {
    /// Connections of one part.
    part: u64,
    /// Parts that one broker process serves.
    parts_per_broker: u64,
    /// Shards of one broker process.
    shards: u64,
}

impl Division {
    /// As few broker processes, and as few shards of one, as the limit of descriptors allows.
    fn of(connections: u64, descriptors_max: u64, shards_max: u64) -> Division {
        let per_process = descriptors_max.saturating_sub(OTHER_DESCRIPTORS).max(1);
        let part = per_process.min(PART_MAX).min(connections);
        // Clients spread over shards by chance: a twentieth stays free.
        let per_shard = (descriptors_max - descriptors_max / 20).max(1);
        let shards = connections.div_ceil(per_shard).clamp(1, shards_max.max(1));
        let parts_per_broker =
            if shards_max > 0 { (shards * per_shard).div_ceil(part) } else { per_process / part };
        Division { part, parts_per_broker, shards }
    }
}

/// Everything that stands.
struct Crowd {
    brokers: Vec<Running>,
    parts: Vec<Part>,
}

/// Builds the crowd, looks at it, publishes once to all of it, and lets it go.
///
/// # Errors
/// The first broker or part cannot be started. What comes later ends the growth and is told.
pub(crate) fn run(site: &Site, broker: &Broker, args: &CrowdArgs) -> Result<(), String> {
    let division = Division::of(args.connections, procfs::descriptors_max(), broker.shards_max);
    let site = &Site { shards: division.shards, ..site.clone() };
    tell_plan(args, division);
    let before = Account::take(&[], &[]);
    let mut crowd = Crowd { brokers: Vec::new(), parts: Vec::new() };
    let start = Instant::now();
    let stopped_by = crowd.grow(site, broker, args, division)?;
    let grown = start.elapsed();
    let reached = connections_of(procfs::sockets(), before.sockets + crowd.listeners(site, broker));
    println!(
        "\n{reached} connections after {:.1} s, {:.0} per second",
        grown.as_secs_f64(),
        reached as f64 / grown.as_secs_f64()
    );
    println!("stopped by: {}", stopped_by.as_deref().unwrap_or("nothing, all that were asked for stand"));
    let (brokers, loads) = crowd.pids();
    Account::take(&brokers, &loads).tell_since(&before, reached);
    tell_rest(&brokers, args.rest_s);
    crowd.publish_to_all(&brokers)?;
    crowd.parts.iter().for_each(Part::ask_to_stop);
    // One of each part's connections is there to speak, and does not listen.
    let listening = reached.saturating_sub(crowd.parts.len() as u64);
    let received: u64 = crowd.parts.drain(..).map(Part::stopped).sum();
    println!("one publish to all: {received} of {listening} that listen received it");
    Ok(())
}

fn tell_plan(args: &CrowdArgs, division: Division) {
    let Division { part, parts_per_broker, shards } = division;
    let parts = args.connections.div_ceil(part);
    let brokers = parts.div_ceil(parts_per_broker);
    println!(
        "{} connections: {parts} load processes of at most {part}, {brokers} broker processes of {shards} shards; a process \
         may have {} descriptors, {:.1} GiB of memory are free",
        args.connections,
        procfs::descriptors_max(),
        gib(procfs::available_bytes()),
    );
}

fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

impl Crowd {
    /// Adds part by part until all stand. Tells what ended the growth early.
    fn grow(
        &mut self,
        site: &Site,
        broker: &Broker,
        args: &CrowdArgs,
        division: Division,
    ) -> Result<Option<String>, String> {
        let (mut asked, sockets) = (0, procfs::sockets());
        let free_at_start = procfs::available_bytes();
        while asked < args.connections {
            let wanted = division.part.min(args.connections - asked);
            if let Some(lack) = lacks_memory(free_at_start, asked, wanted, args.reserve_mib << 20) {
                return Ok(Some(lack));
            }
            let added = self.add_part(site, broker, wanted, division);
            if let Err(error) = added {
                return if self.parts.is_empty() { Err(error) } else { Ok(Some(error)) };
            }
            asked += wanted;
            let others = sockets + self.listeners(site, broker);
            let standing = wait_for(others + 2 * asked);
            println!(
                "{:>9} connections, {:.1} GiB free",
                connections_of(standing, others),
                gib(procfs::available_bytes())
            );
            if standing < others + 2 * asked {
                let ended = self.parts.last_mut().and_then(Part::last_words);
                return Ok(Some(ended.unwrap_or_else(|| "no further connection came".to_owned())));
            }
        }
        Ok(None)
    }

    fn add_part(
        &mut self,
        site: &Site,
        broker: &Broker,
        wanted: u64,
        division: Division,
    ) -> Result<(), String> {
        let number = self.parts.len() as u64;
        if number.is_multiple_of(division.parts_per_broker) {
            let work = site.work.join(format!("broker{number}"));
            std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
            self.brokers.push(Site { work, ..site.clone() }.start(broker, 0)?);
        }
        let serving = self.brokers.last().ok_or("a broker serves every part")?;
        self.parts.push(Part::start(site, serving.ports[0], number, wanted)?);
        Ok(())
    }

    /// Sockets of the brokers that are no connections.
    fn listeners(&self, site: &Site, broker: &Broker) -> u64 {
        self.brokers.len() as u64 * broker.listeners() as u64 * site.shards
    }

    fn pids(&self) -> (Vec<u32>, Vec<u32>) {
        let brokers = self.brokers.iter().flat_map(Running::pids).collect();
        (brokers, self.parts.iter().map(Part::pid).collect())
    }

    /// One message to each broker, on the topic that all of its clients listen to; waits until the brokers rest again.
    fn publish_to_all(&self, brokers: &[u32]) -> Result<(), String> {
        let (start, cpu_s) = (Instant::now(), procfs::cpu_s(brokers));
        for broker in &self.brokers {
            part::publish(broker.ports[0])?;
        }
        let mut last = procfs::cpu_s(brokers);
        let mut busy_until = start.elapsed();
        while start.elapsed() < busy_until + Duration::from_secs(2)
            && start.elapsed() < Duration::from_secs(120)
        {
            std::thread::sleep(Duration::from_millis(100));
            let now = procfs::cpu_s(brokers);
            if now > last {
                (last, busy_until) = (now, start.elapsed());
            }
        }
        let spent_s = procfs::cpu_s(brokers) - cpu_s;
        println!(
            "one publish to all: brokers at work for {:.1} s, {spent_s:.2} s of CPU",
            busy_until.as_secs_f64()
        );
        Ok(())
    }
}

/// Whether `wanted` more connections would take the memory that is to stay free, judged by those that stand.
fn lacks_memory(free_at_start: u64, standing: u64, wanted: u64, reserve: u64) -> Option<String> {
    /// Before any stands: more than a connection has ever taken.
    const FIRST_GUESS: u64 = 16 << 10;
    let free = procfs::available_bytes();
    let each = free_at_start.saturating_sub(free).checked_div(standing).unwrap_or(FIRST_GUESS);
    let needed = each * wanted + reserve;
    (free < needed).then(|| {
        format!("memory: {:.1} GiB are free, {wanted} more connections at {each} bytes and the reserve need {:.1}", gib(free), gib(needed))
    })
}

/// Connections have both of their ends on this machine.
fn connections_of(sockets: u64, others: u64) -> u64 {
    sockets.saturating_sub(others) / 2
}

/// Waits until so many sockets stand or no more come.
fn wait_for(sockets: u64) -> u64 {
    let (mut last, mut since) = (procfs::sockets(), Instant::now());
    while last < sockets && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(100));
        let now = procfs::sockets();
        if now > last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

/// CPU of the brokers while nothing happens.
fn tell_rest(brokers: &[u32], rest_s: u64) {
    std::thread::sleep(Duration::from_secs(2));
    let before = procfs::cpu_s(brokers);
    std::thread::sleep(Duration::from_secs(rest_s));
    let spent = procfs::cpu_s(brokers) - before;
    println!("at rest: {:.2} % of a CPU for all brokers over {rest_s} s", spent / rest_s as f64 * 100.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_serves_as_many_as_it_may_have_descriptors() {
        let division = |part, parts_per_broker, shards| Division { part, parts_per_broker, shards };
        assert_eq!(Division::of(1_000_000, 20_000, 0), division(19_800, 1, 1));
        assert_eq!(Division::of(1_000_000, 1_048_576, 0), division(50_000, 20, 1));
        assert_eq!(Division::of(1_000, 20_000, 0), division(1_000, 19, 1));
    }

    #[test]
    fn a_broker_with_tables_serves_all_with_as_few_shards_as_that_takes() {
        let division = |part, parts_per_broker, shards| Division { part, parts_per_broker, shards };
        assert_eq!(Division::of(1_000_000, 20_000, 128), division(19_800, 51, 53));
        assert_eq!(Division::of(10_000, 20_000, 128), division(10_000, 2, 1));
        assert_eq!(Division::of(10_000_000, 20_000, 128), division(19_800, 123, 128));
    }
}
