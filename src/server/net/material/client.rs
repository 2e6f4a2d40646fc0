//! Certificates for clients, signed by the authority that the broker made for itself.
//!
//! Owns the two files of each client. Must never know who may connect with one.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::file::{PUBLIC, SECRET, refused, write_new};
use super::{MaterialError, authority, issue, own_folder};
use crate::config::Config;

/// What was made for a client.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    /// Its certificate.
    pub(crate) cert: PathBuf,
    /// Its key, readable by its owner alone.
    pub(crate) key: PathBuf,
    /// What it trusts the broker by, and the broker it.
    pub(crate) ca: PathBuf,
    /// Its last day, such as `2027-01-31`.
    pub(crate) last_day: String,
}

/// Makes `NAME.pem` and `NAME.key` in a folder that exists: a certificate with this common name that lasts so many days,
/// but no longer than its authority, which is made if there is none.
///
/// # Errors
/// The authority cannot be read or made, a file is there already, or cannot be written.
pub(crate) fn issue_client(
    config: &Config,
    name: &str,
    folder: &Path,
    days: u32,
    now: SystemTime,
) -> Result<Issued, MaterialError> {
    let own = own_folder(config);
    let (issuer, authority_end) = authority::issuer(&own, &issue::server_names(&config.listeners), now)?;
    let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let end = authority_end.min(now + Duration::from_secs(u64::from(days) * 86_400));
    let cannot =
        |error: &dyn std::fmt::Display| MaterialError::new(&cert, format!("cannot be made: {error}"));
    let new_key = issue::new_key().map_err(|error| cannot(&error))?;
    let text = issue::client(&issuer, &new_key, name, now, end).map_err(|error| cannot(&error))?;
    write_new(&key, SECRET, &new_key.serialize_pem()).map_err(|error| unwritten(&key, &error))?;
    if let Err(error) = write_new(&cert, PUBLIC, &text) {
        // A key without its certificate is of no use.
        let _ = fs::remove_file(&key);
        return Err(unwritten(&cert, &error));
    }
    let facts = super::pem::certificates(&cert).map(|chain| issue::Facts::of(&chain[0]))?;
    let last_day = facts.map_or_else(String::new, |facts| facts.last_day);
    Ok(Issued { cert, key, ca: own.join(authority::CA_FILE), last_day })
}

fn unwritten(file: &Path, error: &io::Error) -> MaterialError {
    match error.kind() {
        ErrorKind::AlreadyExists => {
            MaterialError::new(file, "is there already: remove it, or choose another folder with --out")
        }
        _ => refused(file, "cannot be written", error),
    }
}
