//! Certificates that the operator configured.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::{check, prepare};
use super::{DAY, config, config_listening, read, some_day};

/// A folder with a good pair of files, `server.pem` and `server.key`, and their names.
fn pair() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    prepare(&config(folder.path(), &[]), some_day()).unwrap();
    let tls = folder.path().join("data/tls");
    let (cert, key) = (tls.join("server.pem"), tls.join("server.key"));
    (folder, cert, key)
}

fn keys<'a>(cert: &'a Path, key: &'a Path) -> [(&'static str, &'a Path); 2] {
    [("tls.cert", cert), ("tls.key", key)]
}

#[test]
fn a_configured_pair_is_used_and_nothing_is_made() {
    let (_pair, cert, key) = pair();
    let folder = tempfile::tempdir().unwrap();
    let materials = prepare(&config(folder.path(), &keys(&cert, &key)), some_day()).unwrap();
    assert_eq!(materials.listeners[0].as_ref().unwrap().ca, None);
    assert_eq!((materials.warnings(some_day()), materials.notices), (vec![], vec![]));
    assert!(!folder.path().join("data").exists());
}

#[test]
fn a_certificate_out_of_its_time_is_used_with_a_warning_but_fails_the_check() {
    let (folder, cert, key) = pair();
    let config = config(folder.path(), &keys(&cert, &key));
    let late = format!("{}: the certificate has expired on 2040-09-15", cert.display());
    let early = format!("{}: the certificate is not valid yet: is the clock right?", cert.display());
    for (now, told) in [(some_day() + DAY * 826, late), (some_day() - DAY * 2, early)] {
        assert_eq!(prepare(&config, now).unwrap().warnings(now), [told.as_str()]);
        let errors = check(&config, now).unwrap_err();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
    }
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of_by_check_and_start_and_while_it_runs() {
    let (folder, cert, key) = pair();
    let told =
        |remedy: &str| vec![format!("{}: the certificate expires on 2040-09-15: {remedy}", cert.display())];
    let (early, soon) = (some_day() + DAY * 794, some_day() + DAY * 796);
    let configured = config(folder.path(), &keys(&cert, &key));
    let renew = told("renew it and restart the broker");
    for (now, expected) in [(early, vec![]), (soon, renew)] {
        assert_eq!(check(&configured, now).unwrap(), expected);
        assert_eq!(prepare(&configured, now).unwrap().warnings(now), expected);
        assert_eq!(prepare(&configured, some_day()).unwrap().warnings(now), expected);
    }
    let own = prepare(&config(folder.path(), &[]), some_day()).unwrap();
    assert_eq!(own.warnings(early), [""; 0]);
    assert_eq!(own.warnings(soon), told("restart the broker, which renews it"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let (folder, cert, key) = pair();
    let missing = folder.path().join("missing.pem");
    let required = Path::new("required");
    let keys = [
        ("tls.cert", key.as_path()),
        ("tls.key", cert.as_path()),
        ("tls.client_ca", missing.as_path()),
        ("tls.client_auth", required),
    ];
    let config = config(folder.path(), &keys);
    let errors = check(&config, some_day()).unwrap_err();
    let files: Vec<&Path> = errors.iter().map(|error| error.file.as_path()).collect();
    assert_eq!(files, [key.as_path(), cert.as_path(), missing.as_path()]);
    assert_eq!(prepare(&config, some_day()).unwrap_err(), errors);
}

#[test]
fn the_authority_that_is_yet_to_be_made_may_be_that_of_clients() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("data/tls/ca.pem");
    let keys = [("tls.client_ca", ca.as_path()), ("tls.client_auth", Path::new("required"))];
    let config = config(folder.path(), &keys);
    check(&config, some_day()).unwrap();
    assert!(!ca.exists());
    prepare(&config, some_day()).unwrap();
    check(&config, some_day()).unwrap();
}

#[test]
fn what_is_wrong_with_a_file_is_told_once_by_start_and_check_alike() {
    let (folder, cert, key) = pair();
    let (other, _, other_key) = pair();
    let missing = folder.path().join("missing.pem");
    let encrypted = folder.path().join("encrypted.key");
    fs::write(
        &encrypted,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let cut = folder.path().join("cut.pem");
    fs::write(&cut, &read(&cert)[..100]).unwrap();
    let table = [
        (
            &missing,
            &key,
            format!("{}: cannot be read: No such file or directory (os error 2)", missing.display()),
        ),
        (
            &key,
            &key,
            format!(
                "{}: expected a certificate (-----BEGIN CERTIFICATE-----), found only a private key",
                key.display()
            ),
        ),
        (
            &cert,
            &cert,
            format!(
                "{}: expected a private key (-----BEGIN PRIVATE KEY-----), found only a certificate",
                cert.display()
            ),
        ),
        (
            &cert,
            &encrypted,
            format!(
                "{}: holds an encrypted private key, and nobody is there to type its passphrase: decrypt it with \
                 openssl pkey",
                encrypted.display()
            ),
        ),
        (
            &cert,
            &other_key,
            format!("{}: is not the key of the first certificate in {}", other_key.display(), cert.display()),
        ),
    ];
    for (cert, key, told) in table {
        let urls = ["tls://127.0.0.1:0", "tls://127.0.0.1:0", "tcp://127.0.0.1:0"];
        let config = config_listening(folder.path(), &urls, &keys(cert, key));
        let errors = prepare(&config, some_day()).unwrap_err();
        assert_eq!(errors.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
        assert_eq!(check(&config, some_day()).unwrap_err(), errors);
    }
    let errors = prepare(&config(folder.path(), &keys(&cut, &key)), some_day()).unwrap_err();
    let told = format!("{}: is not a valid PEM file: a -----BEGIN line has no -----END", cut.display());
    assert!(errors[0].to_string().starts_with(&told), "{errors:?}");
    drop(other);
}

#[test]
fn authorities_of_clients_are_checked_too() {
    let (folder, cert, key) = pair();
    let client_ca = folder.path().join("clients.pem");
    fs::write(&client_ca, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let [first, second] = keys(&cert, &key);
    let required = Path::new("required");
    let keys = [first, second, ("tls.client_ca", client_ca.as_path()), ("tls.client_auth", required)];
    let errors = check(&config(folder.path(), &keys), some_day()).unwrap_err();
    let told = format!("{}: certificate 1 is not well-formed X.509", client_ca.display());
    assert_eq!(errors[0].to_string(), told);
}

#[test]
fn a_check_makes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    check(&config(folder.path(), &[]), some_day()).unwrap();
    assert!(!folder.path().join("data").exists());
}
