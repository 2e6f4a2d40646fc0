//! An agent: does its part of a scenario when a controller says so, one controller after the other.
//!
//! Owns the side that listens. Must never decide when a stage that others take part in is over.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::barrier::Barrier;
use crate::cli::{Command, CommandLine, TargetArgs};
use crate::clock::Nanos;
use crate::interruption;
use crate::plan::Plan;
use crate::{output, run};

use super::part::Part;
use super::wire::{Answer, FORM, Job, Order, in_words, prepare, receive, send};

/// How often an agent looks for a stage that it is through with.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How long an agent that waits for a controller looks away from signals.
const SIGNAL_LOOK: Duration = Duration::from_millis(200);

/// Looks between two signs of life.
const LOOKS_PER_SIGN: u32 = 200;

/// Serves controllers at an address until the process is told to end.
///
/// # Errors
/// The address cannot be had.
pub(crate) fn serve(at: SocketAddr) -> Result<u8, String> {
    let listener = TcpListener::bind(at).map_err(|error| format!("{at}: {error}"))?;
    let address = listener.local_addr().map_err(|error| format!("{at}: {error}"))?;
    interruption::watch_alone().map_err(|error| format!("signals: {error}"))?;
    output::print(&format!("listening on {address}\n"))?;
    while !interruption::has_come() {
        if has_caller(&listener).map_err(|error| format!("{address}: {error}"))? {
            serve_next(&listener);
        }
    }
    Ok(0)
}

/// Waits for a controller, but not longer than a signal may go unnoticed.
fn has_caller(listener: &TcpListener) -> io::Result<bool> {
    let timeout = Timespec::try_from(SIGNAL_LOOK).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout)) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Serves one controller.
pub(super) fn serve_next(listener: &TcpListener) {
    let served = match listener.accept() {
        Ok((stream, _)) => serve_one(&stream),
        Err(error) => Err(error.to_string()),
    };
    if let Err(why) = served {
        output::complain(&format!("ringmq-bench: agent: {why}"));
    }
}

fn serve_one(stream: &TcpStream) -> Result<(), String> {
    let gone = |error: io::Error| format!("the controller: {}", in_words(&error));
    prepare(stream).map_err(gone)?;
    let zero = Instant::now();
    let mut plan = None;
    loop {
        match receive(stream).map_err(gone)? {
            Order::Clock => {
                let at = zero.elapsed().as_nanos() as Nanos;
                send(stream, &Answer::Clock { at }).map_err(gone)?;
            }
            Order::Job(job) => {
                let checked = accept_job(*job);
                let answer = match &checked {
                    Ok(_) => Answer::Ready,
                    Err(why) => Answer::Refused { why: why.clone() },
                };
                send(stream, &answer).map_err(gone)?;
                plan = Some(checked?);
            }
            Order::Start { at } => {
                let plan = plan.take().ok_or("the controller starts what it has not described")?;
                return take_part(stream, plan, zero + Duration::from_nanos(at));
            }
            Order::Open { .. } | Order::Stop => return Ok(()),
        }
    }
}

fn accept_job(job: Job) -> Result<Plan, String> {
    let Job { form, scenario, share, run, target } = job;
    if form != FORM {
        return Err(format!("the controller speaks form {form}, this agent {FORM}: use the same version"));
    }
    let scenario = scenario.resolved()?;
    let plan = Plan::of_share(scenario, &target_args(target)?, share, run)?;
    run::check_host(&plan)?;
    Ok(plan)
}

/// The options that a controller passes on.
fn target_args(words: Vec<String>) -> Result<TargetArgs, String> {
    let line = ["ringmq-bench", "run", "job"].into_iter().map(String::from).chain(words);
    match CommandLine::try_parse_from(line).map_err(|error| error.to_string())?.command {
        Command::Run(args) => Ok(args.target),
        _ => Err("the options of the target are wrong".into()),
    }
}

/// Runs a part, and says so.
fn take_part(stream: &TcpStream, mut plan: Plan, zero: Instant) -> Result<(), String> {
    let barrier = Arc::new(Barrier::new());
    plan.barrier = Some(Arc::clone(&barrier));
    plan.zero = Some(zero);
    let over = AtomicBool::new(false);
    // Two threads say something, and one message must not come into the middle of another.
    let voice = Mutex::new(stream);
    let answer = thread::scope(|scope| {
        let (voice, barrier, over) = (&voice, &barrier, &over);
        scope.spawn(move || tell(voice, barrier, over));
        scope.spawn(move || listen(stream, barrier, over));
        let answer = match run::drive(plan) {
            Ok((_, outcome, _)) => Answer::Done(Box::new(Part::new(&outcome))),
            Err(why) => Answer::Refused { why },
        };
        over.store(true, Ordering::Relaxed);
        // Whoever listens is woken by the end of the stream, which comes only once all has been said.
        let said = say(voice, &answer);
        let _ = stream.shutdown(Shutdown::Read);
        said
    });
    answer.map_err(|error| format!("the controller: {}", in_words(&error)))
}

fn say(voice: &Mutex<&TcpStream>, answer: &Answer) -> io::Result<()> {
    send(&voice.lock().unwrap_or_else(PoisonError::into_inner), answer)
}

/// Tells the controller of stages and of being alive.
fn tell(voice: &Mutex<&TcpStream>, barrier: &Barrier, over: &AtomicBool) {
    let mut told = 0;
    for look in 0.. {
        let reached = barrier.reached();
        while told < reached {
            let stage = told;
            told += 1;
            if say(voice, &Answer::Reached { stage }).is_err() {
                return;
            }
        }
        if over.load(Ordering::Relaxed) || look % LOOKS_PER_SIGN == 0 && say(voice, &Answer::Alive).is_err() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// Does what the controller says, and stops when it is gone.
fn listen(stream: &TcpStream, barrier: &Barrier, over: &AtomicBool) {
    // The controller has nothing to say for as long as a stage takes.
    let _ = stream.set_read_timeout(None);
    while !over.load(Ordering::Relaxed) {
        match receive(stream) {
            Ok(Order::Open { stage }) => barrier.open(stage),
            Ok(Order::Clock | Order::Job(_) | Order::Start { .. }) => {}
            Ok(Order::Stop) | Err(_) => return barrier.stop(),
        }
    }
}
