//! The authority of our own: made once, kept, renewed when due, never thrown away.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::SystemTime;

use super::super::issue::Facts;
use super::super::{Materials, pem, prepare};
use super::{DAY, config, config_listening, read, some_day};

const FILES: [&str; 4] = ["ca.key", "ca.pem", "server.key", "server.pem"];

fn facts(file: &Path) -> Facts {
    Facts::of(&pem::certificates(file).unwrap()[0]).unwrap()
}

fn start(folder: &Path, now: SystemTime) -> Materials {
    prepare(&config(folder, &[]), now).unwrap()
}

#[test]
fn a_first_start_makes_four_files_and_keeps_its_keys_secret() {
    let folder = tempfile::tempdir().unwrap();
    let materials = start(folder.path(), some_day());
    let tls = folder.path().join("data/tls");
    for name in FILES {
        let mode = fs::metadata(tls.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if name.ends_with(".key") { 0o600 } else { 0o644 }, "{name}");
    }
    assert_eq!(fs::read_dir(&tls).unwrap().count(), FILES.len());
    assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "no draft stays behind");
    assert_eq!(materials.notices, [format!("made a certificate authority in {}", tls.display())]);
    let material = materials.listeners[0].as_ref().unwrap();
    assert_eq!(material.ca, Some(tls.join("ca.pem")));
    assert_eq!(material.fingerprint.len(), 32 * 3 - 1);
    assert!(material.fingerprint.split(':').all(|pair| u8::from_str_radix(pair, 16).is_ok()));
}

#[test]
fn later_starts_keep_everything() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path(), some_day());
    let tls = folder.path().join("data/tls");
    let before = FILES.map(|name| read(&tls.join(name)));
    let second = start(folder.path(), some_day() + DAY * 700);
    assert_eq!(before, FILES.map(|name| read(&tls.join(name))));
    assert_eq!(second.notices, [""; 0]);
    let fingerprint = |materials: &Materials| materials.listeners[0].as_ref().unwrap().fingerprint.clone();
    assert_eq!(fingerprint(&first), fingerprint(&second));
}

#[test]
fn plain_listeners_make_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    let materials =
        prepare(&config_listening(folder.path(), &["tcp://127.0.0.1:0"], &[]), some_day()).unwrap();
    assert!(matches!(materials.listeners.as_slice(), [None]));
    assert!(!folder.path().join("data").exists());
}

#[test]
fn the_certificate_holds_for_this_host_and_what_listeners_name() {
    let folder = tempfile::tempdir().unwrap();
    let urls = ["tls://0.0.0.0:0", "tls://[fd00::1]:0", "tls://broker.example.org:0"];
    prepare(&config_listening(folder.path(), &urls, &[]), some_day()).unwrap();
    let names = ["localhost", "127.0.0.1", "::1", "fd00::1", "broker.example.org"].map(str::to_owned);
    let facts = facts(&folder.path().join("data/tls/server.pem"));
    assert!(facts.covers(&names));
    assert!(!facts.covers(&["0.0.0.0".to_owned()]));
}

#[test]
fn a_certificate_that_is_due_is_renewed_under_the_same_authority_and_key() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day());
    let tls = folder.path().join("data/tls");
    let [ca_key, ca, key, server] = FILES.map(|name| read(&tls.join(name)));
    let later = some_day() + DAY * 800;
    let materials = start(folder.path(), later);
    assert_eq!([ca_key, ca, key], [FILES[0], FILES[1], FILES[2]].map(|name| read(&tls.join(name))));
    assert_ne!(server, read(&tls.join("server.pem")));
    assert_eq!(facts(&tls.join("server.pem")).trouble(later + DAY * 824), None);
    assert_eq!(materials.notices.len(), 1);
    assert!(
        materials.notices[0]
            .starts_with(&format!("renewed {} for localhost, ", tls.join("server.pem").display()))
    );
}

#[test]
fn a_certificate_is_renewed_for_a_new_name() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day());
    let config = config_listening(folder.path(), &["tls://10.0.0.1:0"], &[]);
    assert_eq!(prepare(&config, some_day()).unwrap().notices.len(), 1);
    assert!(facts(&folder.path().join("data/tls/server.pem")).covers(&["10.0.0.1".to_owned()]));
    let named = config_listening(
        folder.path(),
        &["tls://10.0.0.1:0"],
        &[("tls.names", Path::new("broker.example,192.0.2.7"))],
    );
    prepare(&named, some_day()).unwrap();
    let names = ["10.0.0.1", "broker.example", "192.0.2.7"].map(str::to_owned);
    assert!(facts(&folder.path().join("data/tls/server.pem")).covers(&names));
    assert_eq!(prepare(&config, some_day()).unwrap().notices, [""; 0]);
}

#[test]
fn an_authority_that_is_due_is_renewed_with_its_key_and_name() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day());
    let tls = folder.path().join("data/tls");
    let (key, name) = (read(&tls.join("ca.key")), facts(&tls.join("ca.pem")).common_name);
    let later = some_day() + DAY * 3640;
    let materials = start(folder.path(), later);
    let renewed = facts(&tls.join("ca.pem"));
    assert_eq!((key, name), (read(&tls.join("ca.key")), renewed.common_name.clone()));
    assert_eq!(renewed.trouble(later + DAY * 3649), None);
    assert_eq!(materials.notices.len(), 2);
    let told = format!("renewed {}: clients must be given the new one", tls.join("ca.pem").display());
    assert_eq!(materials.notices[0], told);
}

#[test]
fn a_clock_that_was_wrong_at_first_start_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day() + DAY * 1000);
    start(folder.path(), some_day());
    for name in ["ca.pem", "server.pem"] {
        assert_eq!(facts(&folder.path().join("data/tls").join(name)).trouble(some_day()), None, "{name}");
    }
}

#[test]
fn a_certificate_does_not_outlast_its_authority() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day());
    start(folder.path(), some_day() + DAY * 3600);
    let tls = folder.path().join("data/tls");
    assert_eq!(facts(&tls.join("server.pem")).end, facts(&tls.join("ca.pem")).end);
}

#[test]
fn two_brokers_have_two_authorities() {
    let names = [(); 2].map(|()| {
        let folder = tempfile::tempdir().unwrap();
        start(folder.path(), some_day());
        facts(&folder.path().join("data/tls/ca.pem")).common_name
    });
    assert_ne!(names[0], names[1]);
}

#[test]
fn first_starts_at_the_same_time_agree_on_one_authority() {
    for _ in 0..8 {
        let folder = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(4);
        let fingerprints: Vec<String> = std::thread::scope(|scope| {
            let start = || {
                barrier.wait();
                let materials = start(folder.path(), some_day());
                materials.listeners[0].as_ref().unwrap().fingerprint.clone()
            };
            let all: Vec<_> = (0..4).map(|_| scope.spawn(start)).collect();
            all.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]), "{fingerprints:?}");
        assert_eq!(fs::read_dir(folder.path().join("data")).unwrap().count(), 1, "no draft stays behind");
    }
}

#[test]
fn a_damaged_file_is_named_with_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path(), some_day());
    let tls = folder.path().join("data/tls");
    let remedy = format!(
        "; restore it, or remove {} to have a new authority made, which clients must then be given",
        tls.display()
    );
    let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let table = [
        (
            "server.pem",
            "x",
            "expected a certificate (-----BEGIN CERTIFICATE-----), found nothing in PEM form",
        ),
        ("server.pem", pem, "is not a valid X.509 certificate"),
        ("ca.pem", pem, "is not a valid X.509 certificate"),
        ("server.key", pem, "expected a private key (-----BEGIN PRIVATE KEY-----), found only a certificate"),
    ];
    for (name, text, what) in table {
        let file = tls.join(name);
        let before = read(&file);
        fs::write(&file, text).unwrap();
        let errors = prepare(&config(folder.path(), &[]), some_day()).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].to_string(), format!("{}: {what}{remedy}", file.display()));
        assert_eq!(read(&file), text, "nothing is thrown away");
        fs::write(&file, before).unwrap();
    }
    fs::remove_file(tls.join("server.key")).unwrap();
    let errors = prepare(&config(folder.path(), &[]), some_day()).unwrap_err();
    let what = "cannot be read: No such file or directory (os error 2)";
    assert_eq!(errors[0].to_string(), format!("{}: {what}{remedy}", tls.join("server.key").display()));
}

#[test]
fn a_foreign_authority_key_signs_nothing() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    start(one.path(), some_day());
    start(other.path(), some_day());
    let key = one.path().join("data/tls/ca.key");
    fs::copy(other.path().join("data/tls/ca.key"), &key).unwrap();
    let errors = prepare(&config(one.path(), &[]), some_day() + DAY * 800).unwrap_err();
    assert!(errors[0].to_string().starts_with(&format!("{}: is not the key of ca.pem; ", key.display())));
}

#[test]
fn another_authority_put_in_its_place_signs_the_same_key_anew() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    start(one.path(), some_day());
    start(other.path(), some_day());
    let tls = one.path().join("data/tls");
    let key = read(&tls.join("server.key"));
    for name in ["ca.key", "ca.pem"] {
        fs::copy(other.path().join("data/tls").join(name), tls.join(name)).unwrap();
    }
    assert_eq!(start(one.path(), some_day()).notices.len(), 1);
    assert_eq!(start(one.path(), some_day()).notices, [""; 0]);
    assert_eq!(key, read(&tls.join("server.key")));
}

#[test]
fn a_data_folder_that_cannot_be_made_is_answered_with_the_ways_out() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data"), "a file, not a folder").unwrap();
    let errors = prepare(&config(folder.path(), &[]), some_day()).unwrap_err();
    let file = folder.path().join("data/tls");
    assert_eq!(
        errors[0].to_string(),
        format!("{}: cannot be read: Not a directory (os error 20)", file.display())
    );

    let errors = prepare(&config(Path::new("/proc/self"), &[]), some_day()).unwrap_err();
    assert_eq!(
        errors[0].to_string(),
        "/proc/self/data/tls: cannot be made: No such file or directory (os error 2); make the data folder \
         writable, or configure tls.cert and tls.key, or listen on tcp:// only"
    );
}
