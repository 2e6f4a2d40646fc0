//! The certificate authority that the broker makes for itself when no certificate is configured, so that TLS
//! works from the first start. It owns the folder `DATA_DIR/tls`:
//!
//! - `ca.pem` what clients trust, `ca.key` its key
//! - `server.pem` what the server shows, `server.key` its key
//!
//! A first start makes the whole folder beside its place and renames it there: of two that start at once, one
//! wins and the other uses what it finds. A renewal keeps the key and replaces one file by renaming, so that at
//! every moment the files fit together.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rcgen::{Issuer, KeyPair};
use rustls::pki_types::CertificateDer;

use super::file::{PUBLIC, SECRET, refused, sync_folder, unreadable, write_new};
use super::issue::{self, Facts};
use super::{Identity, MaterialError, Trouble, certify, pem};

/// What clients trust, in the folder of the authority.
pub(super) const CA_FILE: &str = "ca.pem";

/// Reads the folder, having made it if need be, and renews what is due.
pub(super) fn open(folder: &Path, names: &[String], now: SystemTime) -> Result<Identity, MaterialError> {
    let mut notices = Vec::new();
    let ca = open_authority(folder, names, now, &mut notices)?;
    renew_server(folder, &ca, names, now, &mut notices)?;
    let (cert, key) = (folder.join("server.pem"), folder.join("server.key"));
    let chain = pem::certificates(&cert).map_err(|error| remedy(folder, error))?;
    let key_der = pem::private_key(&key).map_err(|error| remedy(folder, error))?;
    let certified = certify(&cert, chain, &key, key_der).map_err(|error| remedy(folder, error))?;
    Ok(Identity { certified, file: cert, ca: Some(folder.join(CA_FILE)), notices })
}

/// The authority, able to sign, and until when it lasts. It is made if need be.
pub(super) fn issuer(
    folder: &Path,
    names: &[String],
    now: SystemTime,
) -> Result<(Issuer<'static, KeyPair>, SystemTime), MaterialError> {
    let ca = open_authority(folder, names, now, &mut Vec::new())?;
    let facts = Facts::of(&ca).expect("the authority's certificate was read before");
    let (_, issuer) = read_issuer(folder, &ca, &facts)?;
    Ok((issuer, facts.end))
}

/// The authority's certificate, made or renewed if need be.
fn open_authority(
    folder: &Path,
    names: &[String],
    now: SystemTime,
    notices: &mut Vec<String>,
) -> Result<CertificateDer<'static>, MaterialError> {
    if is_missing(folder)? {
        make(folder, names, now)?;
        notices.push(format!("made a certificate authority in {}", folder.display()));
    }
    renew_authority(folder, now, notices)
}

/// Whether there is no folder yet, or an empty one.
fn is_missing(folder: &Path) -> Result<bool, MaterialError> {
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(unreadable(folder, &error)),
    }
}

/// Makes the folder, whole or not at all.
fn make(folder: &Path, names: &[String], now: SystemTime) -> Result<(), MaterialError> {
    let cannot = |error: io::Error| {
        let what = format!(
            "cannot be made: {error}; make the data folder writable, or configure tls.cert and tls.key, or listen \
             on tcp:// only"
        );
        MaterialError::new(folder, what)
    };
    let data_dir = folder.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(data_dir).map_err(cannot)?;
    let draft = beside(folder);
    let made = fill(&draft, names, now).and_then(|()| match fs::rename(&draft, folder) {
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
            fs::remove_dir_all(&draft)
        }
        Ok(()) => sync_folder(data_dir),
        failed => failed,
    });
    made.map_err(|error| {
        // The first error is the one to tell; a draft that stays behind does no harm.
        let _ = fs::remove_dir_all(&draft);
        cannot(error)
    })
}

/// Writes the four files of a new authority.
fn fill(draft: &Path, names: &[String], now: SystemTime) -> io::Result<()> {
    DirBuilder::new().mode(0o755).create(draft)?;
    let (ca_key, server_key) = (new_key()?, new_key()?);
    let params = issue::authority(format!("ringmq authority {}", issue::mark()), now);
    let (ca, end) = (params.self_signed(&ca_key).map_err(io::Error::other)?, params.not_after.into());
    write_new(&draft.join("ca.key"), SECRET, &ca_key.serialize_pem())?;
    write_new(&draft.join(CA_FILE), PUBLIC, &ca.pem())?;
    let issuer = Issuer::new(params, ca_key);
    let server = issue::server(&issuer, &server_key, names, now, end).map_err(io::Error::other)?;
    write_new(&draft.join("server.key"), SECRET, &server_key.serialize_pem())?;
    write_new(&draft.join("server.pem"), PUBLIC, &server)?;
    sync_folder(draft)
}

fn new_key() -> io::Result<KeyPair> {
    issue::new_key().map_err(io::Error::other)
}

/// Reads the authority's certificate, having renewed it if it is due. Its key and name stay, so that what it
/// has signed still holds.
fn renew_authority(
    folder: &Path,
    now: SystemTime,
    notices: &mut Vec<String>,
) -> Result<CertificateDer<'static>, MaterialError> {
    let file = folder.join(CA_FILE);
    let (ca, facts) = read_certificate(folder, CA_FILE)?;
    if !facts.is_due(now) {
        return Ok(ca);
    }
    let (key, issuer) = read_issuer(folder, &ca, &facts)?;
    let renewed = issue::authority(facts.common_name.clone(), now).self_signed(issuer.key());
    let renewed = renewed.map_err(|error| MaterialError::new(&key, error.to_string()))?;
    replace(&file, &renewed.pem())?;
    notices.push(format!("renewed {}: clients must be given the new one", file.display()));
    Ok(renewed.der().clone())
}

/// Renews the server's certificate if it is due, does not hold for all names, or was signed by another authority
/// that stood here before. Its key stays.
fn renew_server(
    folder: &Path,
    ca: &CertificateDer<'static>,
    names: &[String],
    now: SystemTime,
    notices: &mut Vec<String>,
) -> Result<(), MaterialError> {
    let (server, facts) = read_certificate(folder, "server.pem")?;
    if !facts.is_due(now) && facts.covers(names) && issue::is_signed_by(&server, ca) {
        return Ok(());
    }
    let (file, key_file) = (folder.join("server.pem"), folder.join("server.key"));
    let ca_facts = Facts::of(ca).expect("the authority's certificate was read before");
    let (_, issuer) = read_issuer(folder, ca, &ca_facts)?;
    let key = read_key(folder, &key_file)?;
    let renewed = issue::server(&issuer, &key, names, now, ca_facts.end);
    replace(&file, &renewed.map_err(|error| MaterialError::new(&file, error.to_string()))?)?;
    notices.push(format!("renewed {} for {}", file.display(), names.join(", ")));
    Ok(())
}

fn read_certificate(folder: &Path, name: &str) -> Result<(CertificateDer<'static>, Facts), MaterialError> {
    let file = folder.join(name);
    let certificates = pem::certificates(&file).map_err(|error| remedy(folder, error))?;
    let first = certificates.into_iter().next().expect("a file without a certificate is an error");
    match Facts::of(&first) {
        Some(facts) => Ok((first, facts)),
        None => Err(remedy(folder, MaterialError::new(&file, "is not a valid X.509 certificate"))),
    }
}

/// The authority's key, able to sign; and its file.
fn read_issuer(
    folder: &Path,
    ca: &CertificateDer<'static>,
    facts: &Facts,
) -> Result<(PathBuf, Issuer<'static, KeyPair>), MaterialError> {
    let file = folder.join("ca.key");
    let key = read_key(folder, &file)?;
    if !facts.is_of(&key) {
        return Err(remedy(folder, MaterialError::new(&file, "is not the key of ca.pem")));
    }
    let issuer = Issuer::from_ca_cert_der(ca, key)
        .map_err(|error| remedy(folder, MaterialError::new(&folder.join(CA_FILE), error.to_string())))?;
    Ok((file, issuer))
}

fn read_key(folder: &Path, file: &Path) -> Result<KeyPair, MaterialError> {
    let key = pem::private_key(file).and_then(|der| {
        KeyPair::try_from(&der)
            .map_err(|error| MaterialError::new(file, format!("is not a usable key: {error}")))
    });
    key.map_err(|error| remedy(folder, error))
}

/// Adds what the operator can do: nothing is thrown away that clients may trust. Where only a permission is missing,
/// that has been said and is all.
fn remedy(folder: &Path, error: MaterialError) -> MaterialError {
    if error.trouble == Trouble::Denied {
        return error;
    }
    let what = format!(
        "{}; restore it, or remove {} to have a new authority made, which clients must then be given",
        error.what,
        folder.display()
    );
    MaterialError { what, ..error }
}

/// Puts a new certificate in the place of an old one, at once.
fn replace(file: &Path, text: &str) -> Result<(), MaterialError> {
    let draft = beside(file);
    let folder = file.parent().unwrap_or(Path::new("."));
    let replaced = write_new(&draft, PUBLIC, text)
        .and_then(|()| fs::rename(&draft, file))
        .and_then(|()| sync_folder(folder));
    replaced.map_err(|error| {
        let _ = fs::remove_file(&draft);
        refused(file, "cannot be renewed", &error)
    })
}

/// A name in the same folder that nobody else uses. A process id would not do: in containers all are alike.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", issue::mark()));
    path.with_file_name(name)
}
