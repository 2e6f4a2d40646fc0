//! Messages between controller and agent: JSON behind four bytes of length.
//!
//! Owns their form and their bounds. Must never know what they lead to.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::scenario::Scenario;
use crate::workload::Share;

use super::part::Part;

/// The largest message. A part holds histograms of every second of a day.
const MESSAGE_BYTES_MAX: u32 = 1 << 30;

/// Both sides have the same number, or do not work together.
pub(super) const FORM: u32 = 3;

/// Silence after which the other side is given up. Agents say something every second.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// What a controller says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// What time is it?
    Clock,
    Job(Box<Job>),
    /// The zero of the run, on the clock that answers `Clock`.
    Start {
        at: Nanos,
    },
    /// Everybody is through with this stage.
    Open {
        stage: usize,
    },
    /// The run is to end now.
    Stop,
}

/// What one agent is to do.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Job {
    pub(super) form: u32,
    pub(super) scenario: Scenario,
    pub(super) share: Share,
    /// The number of the run, the same for all.
    pub(super) run: u32,
    /// Options of the target, as on a command line.
    pub(super) target: Vec<String>,
}

/// What an agent says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Answer {
    Clock {
        at: Nanos,
    },
    Ready,
    /// The job cannot be done, or has come to nothing.
    Refused {
        why: String,
    },
    /// Through with this stage.
    Reached {
        stage: usize,
    },
    Alive,
    Done(Box<Part>),
}

/// Prepares a connection.
///
/// # Errors
/// The kernel's.
pub(super) fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SILENCE_MAX))?;
    stream.set_write_timeout(Some(SILENCE_MAX))
}

/// Sends one message.
///
/// # Errors
/// The other side is gone or takes nothing.
pub(super) fn send(mut stream: &TcpStream, message: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_vec(message)?;
    let length = u32::try_from(json.len()).ok().filter(|length| *length <= MESSAGE_BYTES_MAX);
    let length = length.ok_or_else(|| io::Error::other("a message is too large"))?;
    stream.write_all(&[&length.to_be_bytes()[..], &json].concat())
}

/// Receives one message.
///
/// # Errors
/// The other side is gone, silent for too long, or says what is no message.
pub(super) fn receive<M: DeserializeOwned>(mut stream: &TcpStream) -> io::Result<M> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length);
    if length > MESSAGE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is too large"));
    }
    // The announced length is not believed before the bytes have come.
    let mut json = Vec::new();
    stream.take(length.into()).read_to_end(&mut json)?;
    if json.len() < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&json)?)
}

/// What an error of [`send`] or [`receive`] says of the other side.
pub(super) fn in_words(error: &io::Error) -> String {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, UnexpectedEof, WouldBlock};
    match error.kind() {
        BrokenPipe | ConnectionReset | UnexpectedEof => "it has closed the connection".into(),
        TimedOut | WouldBlock => format!(
            "it says nothing for {} s; it may have stopped, or work for another controller",
            SILENCE_MAX.as_secs()
        ),
        _ => error.to_string(),
    }
}
