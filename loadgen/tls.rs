//! The client side of one TLS connection, from bytes to bytes, and its configuration.
//!
//! Owns keys and records. Must never know a socket or MQTT.

mod sentence;
mod trust;

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::fault::Fault;

pub(crate) use sentence::sentence;
pub(crate) use trust::{Trust, client_config};

/// Plain bytes read at a time: a whole record.
const RECORD_BYTES: usize = 16 << 10;

/// What every TLS connection of a run is made from.
#[derive(Clone, Debug)]
pub(crate) struct TlsTarget {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server_name: ServerName<'static>,
}

/// One TLS connection.
#[derive(Debug)]
pub(crate) struct TlsClient {
    tls: ClientConnection,
    /// Plain bytes that go out before everything else.
    preface: Vec<u8>,
}

impl TlsClient {
    /// A connection with a ClientHello to send, behind a preface that is not encrypted.
    ///
    /// # Errors
    /// The configuration allows no connection.
    pub(crate) fn new(target: &TlsTarget, preface: Vec<u8>) -> Result<TlsClient, Fault> {
        let mut tls = ClientConnection::new(Arc::clone(&target.config), target.server_name.clone())?;
        // What waits to be encrypted is written out with each call of `send`.
        tls.set_buffer_limit(None);
        Ok(TlsClient { tls, preface })
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Takes bytes from the wire and gives the plain ones to `take`. There may be something to send afterwards.
    ///
    /// # Errors
    /// The connection is of no further use, or what `take` says.
    pub(crate) fn receive(
        &mut self,
        mut wire: &[u8],
        plain: &mut Vec<u8>,
        mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        plain.resize(RECORD_BYTES, 0);
        while !wire.is_empty() {
            if self.tls.read_tls(&mut wire).map_err(Fault::Dial)? == 0 {
                // The peer has said close_notify; what follows does not count (RFC 8446, 6.1).
                break;
            }
            self.tls.process_new_packets()?;
            while let Ok(count @ 1..) = self.tls.reader().read(plain) {
                take(&plain[..count])?;
            }
        }
        Ok(())
    }

    /// Encrypts `plain` and appends all that is to be sent, handshake included, to `out`.
    pub(crate) fn send(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        let taken = self.tls.writer().write(plain);
        assert!(
            matches!(taken, Ok(count) if count == plain.len()),
            "the buffer of a connection has no limit"
        );
        self.write_out(out);
    }

    /// Appends close_notify to `out`.
    pub(crate) fn close(&mut self, out: &mut Vec<u8>) {
        self.tls.send_close_notify();
        self.write_out(out);
    }

    fn write_out(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.preface);
        while self.tls.wants_write() {
            let written = self.tls.write_tls(out);
            assert!(written.is_ok(), "a vector takes all bytes");
        }
    }
}
