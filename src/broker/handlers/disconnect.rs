//! DISCONNECT from the client: its reason decides the will, and it may shorten the session.

use ringmq_protocol::{Disconnect, PacketType, Reason};

use crate::cause::{Cause, Ending};
use crate::handlers::end;
use crate::session::Expiry;
use crate::shard::Shard;
use crate::slab::SlotId;

/// The client says goodbye. What comes behind it is not acted upon [MQTT-3.14.4-1].
pub(crate) fn disconnect(shard: &mut Shard, id: SlotId, packet: &Disconnect<'_>) -> Result<(), Ending> {
    if !packet.reason.client_may_send(PacketType::Disconnect) {
        return Err(Ending { cause: Cause::ProtocolError, what: "a client may not give this reason" });
    }
    if packet.properties.server_reference().is_some() {
        return Err(Ending { cause: Cause::ProtocolError, what: "a client may not refer to a server" });
    }
    change_expiry(shard, id, packet)?;
    let cause = match packet.reason {
        Reason::Success => Cause::ClientDisconnect,
        Reason::DisconnectWithWill => Cause::ClientDisconnectWithWill,
        _ => Cause::ClientError,
    };
    end::silently(shard, id, cause);
    Ok(())
}

/// A new session expiry; from 0 there is no way back (3.14.2.2.2).
fn change_expiry(shard: &mut Shard, id: SlotId, packet: &Disconnect<'_>) -> Result<(), Ending> {
    let Some(asked_s) = packet.properties.session_expiry_s() else { return Ok(()) };
    let Some(connection) = shard.clients.connections.get(id) else { return Ok(()) };
    let max_s = shard.policy(connection.listener).session_expiry_max_s;
    let Some((_, session)) = shard.clients.session_of(id) else { return Ok(()) };
    if session.expiry() == Expiry::AtOnce && asked_s > 0 {
        return Err(Ending {
            cause: Cause::ProtocolError,
            what: "session expiry raised from 0 at DISCONNECT",
        });
    }
    session.set_expiry(Expiry::from_s(asked_s.min(max_s)));
    Ok(())
}
