//! The server side of one TLS connection, from bytes to bytes.
//!
//! Owns the keys of the connection and the bytes of a record that has not arrived whole; an idle stream holds no
//! other buffer. Must never know a socket, a clock or MQTT.

mod failure;
#[cfg(test)]
mod tests;
pub(crate) mod words;

use std::mem;
use std::sync::Arc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig};

pub(crate) use failure::TlsFailure;

/// Application bytes in one record at most (RFC 8446, 5.1).
const RECORD_PLAIN_BYTES_MAX: usize = 1 << 14;

/// One record on the wire at most: header, plain bytes and what the ciphers of TLS 1.2 may add (RFC 5246, 6.2.3).
/// What has not been understood yet may take no more, be it one record or a handshake message in pieces.
const PARTIAL_BYTES_MAX: usize = 5 + RECORD_PLAIN_BYTES_MAX + 2048;

/// What a record adds to its plain bytes, at most: header, explicit nonce, content type and tag.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 1 + 16;

/// An encrypted alert.
const ALERT_BYTES: usize = RECORD_OVERHEAD_BYTES + 2;

/// Spare capacity that is not worth giving back.
const SPARE_BYTES_MAX: usize = 512;

/// Where the stream stands after some bytes were received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// The handshake goes on.
    Handshaking,
    /// These bytes completed the handshake; told once. Application bytes may already have followed.
    HandshakeDone,
    /// The handshake was done before.
    Established,
    /// The peer sent close_notify, now (perhaps together with the end of its handshake) or earlier. What it sends
    /// after that is ignored (RFC 8446, 6.1); it may still be sent to.
    PeerClosed,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Handshaking,
    Established,
    Failed,
}

/// The server side of one TLS connection. It moves between cores with its connection.
pub(crate) struct TlsStream {
    tls: Box<UnbufferedServerConnection>,
    /// Received and not yet understood: a part of a record, or records with a part of a handshake message.
    partial: Vec<u8>,
    phase: Phase,
    peer_closed: bool,
    closed: bool,
}

impl TlsStream {
    /// A stream that waits for a ClientHello.
    ///
    /// # Errors
    /// The configuration does not allow any connection.
    ///
    /// # Panics
    /// If the configuration accepts early data, which could be replayed.
    pub(crate) fn new(config: Arc<ServerConfig>) -> Result<TlsStream, TlsFailure> {
        assert_eq!(config.max_early_data_size, 0, "early data must be off");
        let tls = Box::new(UnbufferedServerConnection::new(config)?);
        let phase = Phase::Handshaking;
        Ok(TlsStream { tls, partial: Vec::new(), phase, peer_closed: false, closed: false })
    }

    /// Takes bytes from the wire, in any chunks, and decrypts them in place. Calls `plain` with application bytes,
    /// in order and never before the handshake is done, and appends to `out` what the peer must be sent.
    ///
    /// # Errors
    /// The stream is of no further use. The alert that TLS has for the failure, if any, is in `out`.
    pub(crate) fn receive(
        &mut self,
        wire: &mut [u8],
        out: &mut Vec<u8>,
        plain: impl FnMut(&[u8]),
    ) -> Result<Received, TlsFailure> {
        if self.phase == Phase::Failed {
            return Err(TlsFailure::NotOpen);
        }
        if self.peer_closed {
            return Ok(Received::PeerClosed);
        }
        self.accept(wire, out, plain).map_err(|failure| self.fail(failure, out))?;
        Ok(self.advance())
    }

    /// Encrypts application bytes and appends them to `out`, in as few records as possible: the slices share them.
    ///
    /// # Errors
    /// The stream is not established, has failed or was closed; or its keys have served as often as they may. The
    /// latter takes 2^24 records with AES-GCM in TLS 1.2, which cannot renew keys: the stream has failed then, and
    /// close_notify is in `out`.
    pub(crate) fn send(&mut self, plain: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TlsFailure> {
        if !self.may_send() {
            return Err(TlsFailure::NotOpen);
        }
        let sent = match plain {
            [one] => self.encrypt(one, out),
            many => self.gather(many, out),
        };
        sent.map_err(|failure| self.fail(failure, out))
    }

    /// Appends close_notify to `out`, unless the stream is not established, has failed or was closed. Nothing can
    /// be sent after it.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        if !self.may_send() {
            return;
        }
        self.closed = true;
        if let Ok(mut writer) = self.writer() {
            // Alerts are exempt from the limit of the keys, the only thing that could refuse this one.
            let _ = append(out, ALERT_BYTES, |room| writer.queue_close_notify(room));
        }
    }

    /// Whether the handshake was done, whatever has become of the stream since.
    pub(crate) fn is_established(&self) -> bool {
        !self.tls.is_handshaking()
    }

    /// Whose certificate the client showed and we verified: the first common name, else the whole distinguished
    /// name. None before the handshake is done, without a certificate, and if the name is empty or holds control
    /// characters.
    pub(crate) fn subject(&self) -> Option<String> {
        if !self.is_established() {
            return None;
        }
        let certificate = self.tls.peer_certificates()?.first()?;
        let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let subject = certificate.subject();
        let common_name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
        let name = common_name.map_or_else(|| subject.to_string(), str::to_owned);
        (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
    }

    /// The negotiated version, for logs.
    pub(crate) fn version(&self) -> Option<&'static str> {
        match self.tls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
            other => other.as_str(),
        }
    }

    /// The IANA name of the negotiated cipher suite, for logs.
    pub(crate) fn cipher(&self) -> Option<&'static str> {
        self.tls.negotiated_cipher_suite()?.suite().as_str()
    }

    /// The negotiated application protocol (RFC 7301), such as `mqtt`.
    pub(crate) fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Whether the handshake resumed an earlier session.
    pub(crate) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    fn may_send(&self) -> bool {
        self.phase == Phase::Established && !self.closed
    }

    /// Takes bytes behind those that are kept, and keeps what has not been understood.
    fn accept(
        &mut self,
        wire: &mut [u8],
        out: &mut Vec<u8>,
        plain: impl FnMut(&[u8]),
    ) -> Result<(), TlsFailure> {
        if self.partial.is_empty() {
            let taken = self.process(wire, out, plain)?;
            self.partial = wire[taken..].to_vec();
        } else {
            let mut partial = mem::take(&mut self.partial);
            partial.extend_from_slice(wire);
            let taken = self.process(&mut partial, out, plain)?;
            partial.drain(..taken);
            if partial.is_empty() || partial.capacity() > 2 * partial.len() + SPARE_BYTES_MAX {
                partial.shrink_to_fit();
            }
            self.partial = partial;
        }
        if self.partial.len() > PARTIAL_BYTES_MAX { Err(TlsFailure::HandshakeTooLarge) } else { Ok(()) }
    }

    /// Decrypts and answers until more bytes are needed. Returns how many are done with.
    fn process(
        &mut self,
        wire: &mut [u8],
        out: &mut Vec<u8>,
        mut plain: impl FnMut(&[u8]),
    ) -> Result<usize, TlsFailure> {
        let mut taken = 0;
        loop {
            let UnbufferedStatus { mut discard, state } = self.tls.process_tls_records(&mut wire[taken..]);
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        plain(record.payload);
                    }
                }
                ConnectionState::EncodeTlsData(data) => append_encoded(data, out),
                ConnectionState::TransmitTlsData(transmit) => transmit.done(),
                ConnectionState::PeerClosed => {
                    self.peer_closed = true;
                    return Ok(wire.len());
                }
                _ => return Ok(taken + discard),
            }
            taken += discard;
        }
    }

    /// Learns from the connection whether the handshake is done.
    fn advance(&mut self) -> Received {
        let before = self.phase;
        if self.is_established() {
            self.phase = Phase::Established;
        }
        match (before, self.phase) {
            _ if self.peer_closed => Received::PeerClosed,
            (Phase::Handshaking, Phase::Established) => Received::HandshakeDone,
            (_, Phase::Established) => Received::Established,
            _ => Received::Handshaking,
        }
    }

    /// Marks the stream as failed and appends the alerts that the failure queued.
    fn fail(&mut self, failure: TlsFailure, out: &mut Vec<u8>) -> TlsFailure {
        self.phase = Phase::Failed;
        self.partial = Vec::new();
        // What is queued comes before any look at received bytes, of which there are none.
        while self.tls.wants_write() {
            match self.tls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(data)) => append_encoded(data, out),
                _ => break,
            }
        }
        failure
    }

    /// Encrypts slices, copied together where a record spans several of them.
    fn gather(&mut self, plain: &[&[u8]], out: &mut Vec<u8>) -> Result<(), TlsFailure> {
        let total_bytes: usize = plain.iter().map(|slice| slice.len()).sum();
        let mut record = Vec::with_capacity(total_bytes.min(RECORD_PLAIN_BYTES_MAX));
        for &slice in plain {
            let mut rest = slice;
            if !record.is_empty() {
                let (head, tail) = rest.split_at(rest.len().min(RECORD_PLAIN_BYTES_MAX - record.len()));
                record.extend_from_slice(head);
                rest = tail;
            }
            if record.len() == RECORD_PLAIN_BYTES_MAX {
                self.encrypt(&record, out)?;
                record.clear();
            }
            let (whole, tail) = rest.split_at(rest.len() - rest.len() % RECORD_PLAIN_BYTES_MAX);
            self.encrypt(whole, out)?;
            record.extend_from_slice(tail);
        }
        self.encrypt(&record, out)
    }

    fn encrypt(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), TlsFailure> {
        if plain.is_empty() {
            return Ok(());
        }
        let room = plain.len() + plain.len().div_ceil(RECORD_PLAIN_BYTES_MAX) * RECORD_OVERHEAD_BYTES;
        let mut writer = self.writer()?;
        append(out, room, |room| writer.encrypt(plain, room))
    }

    /// What encrypts, on an established stream.
    fn writer(&mut self) -> Result<WriteTraffic<'_, ServerConnectionData>, TlsFailure> {
        // The kept bytes go along because the connection remembers places in them.
        match self.tls.process_tls_records(&mut self.partial).state? {
            ConnectionState::WriteTraffic(writer) => Ok(writer),
            _ => Err(TlsFailure::NotOpen),
        }
    }
}

fn append_encoded(mut data: EncodeTlsData<'_, ServerConnectionData>, out: &mut Vec<u8>) {
    let start = out.len();
    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
        out.resize(start + needed.required_size, 0);
        data.encode(&mut out[start..]).expect("it fits where it said it would");
    }
}

/// Appends what `write` puts into the room it is given: `room` bytes at first, then as many as it asks for.
fn append(
    out: &mut Vec<u8>,
    mut room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, EncryptError>,
) -> Result<(), TlsFailure> {
    let start = out.len();
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(needed)) => room = needed.required_size,
            Err(EncryptError::EncryptExhausted) => {
                out.truncate(start);
                return Err(TlsFailure::KeysExhausted);
            }
        }
    }
}
