//! The controller: gives each agent its part, lets all begin together, and puts together what they have found.
//!
//! Owns the side that connects. Must never publish a message.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ringmq_ring::Engine;

use crate::cli::TargetArgs;
use crate::clock::{MILLISECOND, Nanos, seconds};
use crate::drive::Broken;
use crate::interruption;
use crate::plan::{AgentSummary, Plan};
use crate::report::{Circumstances, Report, unbegun};
use crate::run::NoReport;
use crate::scenario::Scenario;
use crate::workload::Share;

use super::offset::{Offset, RoundTrip, offset};
use super::part::{Part, merged};
use super::watch::Watch;
use super::wire::{Answer, FORM, Job, Order, in_words, prepare, receive, send};

/// Round trips by which a clock is compared.
const ROUND_TRIPS: usize = 50;

/// Time for a connection to an agent.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// From the last word before the start to the zero of the run.
const LEAD: Nanos = 200 * MILLISECOND;

/// How often a signal is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// An agent as the controller sees it.
struct Agent {
    name: String,
    stream: TcpStream,
    offset: Offset,
}

/// Runs a scenario with agents.
///
/// # Errors
/// An agent that is named twice, cannot be reached, refuses its part, or is gone before the end.
pub(crate) fn measure_with_agents(scenario: Scenario, target: &TargetArgs) -> Result<Report, NoReport> {
    let mut plan = Plan::new(scenario, target)?;
    let interrupted = interruption::watch_alone().map_err(|error| format!("signals: {error}"))?;
    let addresses = resolved(&target.agents)?;
    let zero = Instant::now();
    let reached =
        target.agents.iter().zip(addresses).map(|(name, address)| Agent::reach(name, address, zero));
    let agents: Vec<Agent> = reached.collect::<Result<_, _>>()?;
    plan.agents = agents.iter().map(Agent::summary).collect();
    agents.iter().enumerate().try_for_each(|(at, agent)| {
        let share = Share { part: at as u32, of: agents.len() as u32 };
        agent.give(&plan, target, share)
    })?;
    let engine = plan.engine.unwrap_or(Engine::IoUring);
    let circumstances = Circumstances::read(engine, &plan.broker_pids);
    let start = zero.elapsed().as_nanos() as Nanos + LEAD;
    let begin = zero + Duration::from_nanos(start);
    let watch = match plan.broker_pids.as_slice() {
        [] => None,
        pids => Some(Watch::start(pids, begin)?),
    };
    for agent in &agents {
        agent.say(&Order::Start { at: agent.offset.on_theirs(start) })?;
    }
    let conducted = conduct(&agents);
    let samples = watch.map(Watch::finish);
    let mut outcome = merged(&plan, &conducted?)?;
    if let Some(samples) = samples {
        samples.add_to(&mut outcome);
    }
    if interrupted.load(Ordering::Relaxed) {
        outcome.broken = Some(Broken::Interrupted);
    }
    unbegun(&plan, &outcome).map_or(Ok(()), Err)?;
    Ok(Report::new(&plan, &outcome, &circumstances))
}

/// The addresses of agents. One that stands there twice would wait for itself.
fn resolved(names: &[String]) -> Result<Vec<SocketAddr>, String> {
    let mut addresses = Vec::new();
    for name in names {
        let wrong = |why: &dyn std::fmt::Display| format!("agent {name}: {why}");
        let address = name.to_socket_addrs().map_err(|error| wrong(&error))?.next();
        let address = address.ok_or_else(|| wrong(&"no address"))?;
        if addresses.contains(&address) {
            return Err(wrong(&"it is named twice, and does one part of a run"));
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// Opens stages as all agents reach them, until all are done.
fn conduct(agents: &[Agent]) -> Result<Vec<Part>, NoReport> {
    let (heard, hearing) = channel();
    thread::scope(|scope| {
        for (at, agent) in agents.iter().enumerate() {
            let heard = heard.clone();
            scope.spawn(move || hear(at, agent, &heard));
        }
        drop(heard);
        let conducted = conduct_all(agents, &hearing);
        for agent in agents {
            // Ends the threads that still listen.
            let _ = agent.stream.shutdown(std::net::Shutdown::Both);
        }
        conducted
    })
}

/// Passes on what one agent says, until it is done or gone.
fn hear(at: usize, agent: &Agent, heard: &Sender<(usize, Result<Answer, String>)>) {
    loop {
        let answer = receive(&agent.stream).map_err(|error| agent.gone(&error));
        let is_last = matches!(answer, Err(_) | Ok(Answer::Done(_) | Answer::Refused { .. }));
        if heard.send((at, answer)).is_err() || is_last {
            return;
        }
    }
}

fn conduct_all(
    agents: &[Agent],
    hearing: &Receiver<(usize, Result<Answer, String>)>,
) -> Result<Vec<Part>, NoReport> {
    let lost = |why: String| NoReport::BrokenOff(format!("{why}; without its part there is no report"));
    let mut parts: Vec<Option<Part>> = agents.iter().map(|_| None).collect();
    let mut reached = vec![0; agents.len()];
    let (mut open, mut is_stopped) = (0, false);
    while parts.iter().any(Option::is_none) {
        match hearing.recv_timeout(LOOK_EVERY) {
            Ok((_, Err(why))) => return Err(lost(why)),
            Ok((at, Ok(Answer::Refused { why }))) => {
                return Err(format!("agent {}: {why}", agents[at].name).into());
            }
            Ok((at, Ok(Answer::Reached { stage }))) => reached[at] = stage + 1,
            Ok((at, Ok(Answer::Done(part)))) => {
                parts[at] = Some(*part);
                // Who has ended waits for nobody, and nobody for him.
                reached[at] = usize::MAX;
            }
            Ok((_, Ok(_))) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(lost("the agents are gone".into())),
        }
        let all = reached.iter().copied().min().unwrap_or(0);
        while open < all && all != usize::MAX {
            agents.iter().try_for_each(|agent| agent.say(&Order::Open { stage: open })).map_err(lost)?;
            open += 1;
        }
        if interruption::has_come() && !is_stopped {
            is_stopped = true;
            agents.iter().try_for_each(|agent| agent.say(&Order::Stop)).map_err(lost)?;
        }
    }
    Ok(parts.into_iter().flatten().collect())
}

impl Agent {
    /// Connects and compares clocks.
    fn reach(name: &str, address: SocketAddr, zero: Instant) -> Result<Agent, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("agent {name}: {why}");
        let stream = TcpStream::connect_timeout(&address, CONNECT_LIMIT).map_err(|error| wrong(&error))?;
        prepare(&stream).map_err(|error| wrong(&error))?;
        let now = || zero.elapsed().as_nanos() as Nanos;
        let mut trips = Vec::new();
        for _ in 0..ROUND_TRIPS {
            let left = now();
            send(&stream, &Order::Clock).map_err(|error| wrong(&in_words(&error)))?;
            match receive(&stream).map_err(|error| wrong(&in_words(&error)))? {
                Answer::Clock { at } => trips.push(RoundTrip { left, answered: at, came: now() }),
                _ => return Err(wrong(&"it does not tell its time")),
            }
        }
        let offset = offset(&trips).ok_or_else(|| wrong(&"it does not tell its time"))?;
        Ok(Agent { name: name.into(), stream, offset })
    }

    fn give(&self, plan: &Plan, target: &TargetArgs, share: Share) -> Result<(), String> {
        let job = Job {
            form: FORM,
            scenario: plan.scenario.clone(),
            share,
            run: plan.workload.run,
            target: target.to_words(),
        };
        self.say(&Order::Job(Box::new(job)))?;
        match receive(&self.stream).map_err(|error| self.gone(&error))? {
            Answer::Ready => Ok(()),
            Answer::Refused { why } => Err(format!("agent {}: {why}", self.name)),
            _ => Err(format!("agent {} does not answer what it was asked", self.name)),
        }
    }

    fn say(&self, order: &Order) -> Result<(), String> {
        send(&self.stream, order).map_err(|error| self.gone(&error))
    }

    fn gone(&self, error: &std::io::Error) -> String {
        format!("agent {} is gone: {}", self.name, in_words(error))
    }

    fn summary(&self) -> AgentSummary {
        AgentSummary { address: self.name.clone(), clock_error_us: seconds(self.offset.error) * 1e6 }
    }
}
