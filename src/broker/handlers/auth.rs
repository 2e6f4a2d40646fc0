//! AUTH: framed and checked, and refused, as no authentication method is configured. A CONNECT that names a method
//! is refused before this can be reached [MQTT-4.12.0-1], so here is only the client that named none.

use ringmq_protocol::Auth;

use crate::cause::{Cause, Ending};

/// An AUTH on a connection whose CONNECT named no method [MQTT-4.12.0-7].
pub(crate) fn auth(_: &Auth<'_>) -> Result<(), Ending> {
    Err(Ending { cause: Cause::ProtocolError, what: "AUTH without an authentication method in CONNECT" })
}
