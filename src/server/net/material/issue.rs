//! What certificates of our own say, and what can be read from certificates. It never touches a file.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, Error, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Name;

use crate::config::Listener;

const DAY: Duration = Duration::from_secs(86_400);
/// How long our authority lasts: clients have to be given the next one.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
/// How long a server certificate lasts; some clients refuse longer ones.
const SERVER_LIFE: Duration = DAY.saturating_mul(825);
/// A certificate with less time than this is renewed at start.
const LIFE_LEFT_MIN: Duration = DAY.saturating_mul(30);
/// Certificates begin a day early, for clients whose clock is slow.
const EARLY: Duration = DAY;

/// A new key: ECDSA on P-256.
pub(super) fn new_key() -> Result<KeyPair, Error> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
}

/// Some random letters and digits, to tell apart what would have the same name.
pub(super) fn mark() -> String {
    random::<4>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The parameters of an authority of this name that begins now. No two brokers should share a name, because a
/// client may trust both.
pub(super) fn authority(common_name: String, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name);
    params.serial_number = Some(serial_number());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasts(&mut params, now, now + AUTHORITY_LIFE);
    params
}

/// A server certificate for these names, as PEM. It does not outlast its authority.
pub(super) fn server(
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    names: &[String],
    now: SystemTime,
    authority_end: SystemTime,
) -> Result<String, Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = name("ringmq".to_owned());
    params.serial_number = Some(serial_number());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    lasts(&mut params, now, authority_end.min(now + SERVER_LIFE));
    Ok(params.signed_by(key, issuer)?.pem())
}

/// A client certificate for this name, as PEM, and the day on which it ends. It does not outlast its authority.
pub(super) fn client(
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    common_name: &str,
    now: SystemTime,
    end: SystemTime,
) -> Result<String, Error> {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(common_name.to_owned());
    params.serial_number = Some(serial_number());
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    lasts(&mut params, now, end);
    Ok(params.signed_by(key, issuer)?.pem())
}

fn lasts(params: &mut CertificateParams, now: SystemTime, end: SystemTime) {
    params.not_before = (now - EARLY).into();
    params.not_after = end.into();
}

fn name(common_name: String) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// A random positive number of 16 bytes: no two certificates of one authority may share theirs (RFC 5280,
/// section 4.1.2.2), and a renewed one has the same key.
fn serial_number() -> SerialNumber {
    let mut bytes = random::<16>();
    bytes[0] = bytes[0] & 0x7F | 0x40;
    SerialNumber::from_slice(&bytes)
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    SystemRandom::new().fill(&mut bytes).expect("the kernel has random numbers");
    bytes
}

/// The names a server certificate of our own holds: this host by its usual names, and what listeners name.
pub(super) fn server_names(listeners: &[Listener]) -> Vec<String> {
    let mut names: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let named = listeners.iter().filter(|listener| !listener.url.ip().is_some_and(|ip| ip.is_unspecified()));
    let asked = listeners.iter().flat_map(|listener| listener.tls.names.0.iter().cloned());
    let own = std::iter::once(host.trim().to_owned());
    for name in own.chain(named.map(|listener| listener.url.host.clone())).chain(asked) {
        if is_name(&name) && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn is_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    !name.is_empty() && name.bytes().all(is_allowed)
}

/// What can be read from a certificate.
pub(super) struct Facts {
    /// It holds from then on.
    pub(super) begin: SystemTime,
    /// It holds until then.
    pub(super) end: SystemTime,
    /// The same as a day, such as `2027-01-31`.
    pub(super) last_day: String,
    /// Bits of its public key, if that is RSA.
    pub(super) rsa_bits: Option<usize>,
    /// Whom it is about.
    pub(super) common_name: String,
    /// Host names and addresses, as they are written in urls.
    names: Vec<String>,
    /// Its public key, as a SubjectPublicKeyInfo.
    public_key: Vec<u8>,
}

impl Facts {
    /// Reads a certificate; None if it is not one.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Facts> {
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = certificate.validity();
        let names = certificate.subject_alternative_name().ok()?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        Some(Facts {
            begin: time_of(validity.not_before.timestamp()),
            end: time_of(validity.not_after.timestamp()),
            last_day: validity.not_after.to_datetime().date().to_string(),
            rsa_bits: rsa_bits(&certificate),
            common_name: common_name(certificate.subject()),
            names: names.filter_map(name_text).collect(),
            public_key: certificate.public_key().raw.to_vec(),
        })
    }

    /// What a client would object to today, if anything.
    pub(super) fn trouble(&self, now: SystemTime) -> Option<String> {
        match now {
            now if now < self.begin => Some("is not valid yet: is the clock right?".to_owned()),
            now if now > self.end => Some(format!("has expired on {}", self.last_day)),
            _ => None,
        }
    }

    /// Whether it should be renewed: it does not hold now, or not for much longer.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        now < self.begin || now + LIFE_LEFT_MIN > self.end
    }

    /// Whether it holds for all of these names.
    pub(super) fn covers(&self, names: &[String]) -> bool {
        names.iter().all(|name| self.names.contains(name))
    }

    /// Whether this is its private key.
    pub(super) fn is_of(&self, key: &KeyPair) -> bool {
        self.public_key == key.subject_public_key_info()
    }
}

/// Whether the authority has signed the certificate.
pub(super) fn is_signed_by(certificate: &CertificateDer<'_>, authority: &CertificateDer<'_>) -> bool {
    let parsed =
        (x509_parser::parse_x509_certificate(certificate), x509_parser::parse_x509_certificate(authority));
    let (Ok((_, certificate)), Ok((_, authority))) = parsed else { return false };
    certificate.issuer() == authority.subject()
        && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

fn rsa_bits(certificate: &X509Certificate<'_>) -> Option<usize> {
    match certificate.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(key.key_size()),
        _ => None,
    }
}

fn common_name(subject: &X509Name<'_>) -> String {
    let first = subject.iter_common_name().next();
    first.and_then(|name| name.as_str().ok()).unwrap_or_default().to_owned()
}

fn time_of(unix_s: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_s).unwrap_or(0))
}

fn name_text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|bytes| IpAddr::from(bytes).to_string()),
        },
        _ => None,
    }
}
