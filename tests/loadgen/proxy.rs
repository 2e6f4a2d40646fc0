//! A proxy between clients and a broker that breaks the promises of MQTT in known ways.
//!
//! Owns the way from the broker to its clients, packet by packet. PUBLISH packets to clients are numbered in the order of
//! their arrival here; every tenth of them, up to a number, suffers the fault. Must never look into a packet.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use ringmq_protocol::{Header, PacketType};

/// Which of the packets suffer.
const EVERY: u32 = 10;

/// What is done to a PUBLISH.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It is not passed on.
    Drop,
    /// It is passed on twice.
    Duplicate,
    /// It is passed on after the next one.
    Swap,
}

/// What is left to be done.
struct Mischief {
    fault: Fault,
    left: u32,
    seen: u32,
}

impl Mischief {
    /// Whether the next PUBLISH is to suffer.
    fn strikes(&mut self) -> bool {
        self.seen += 1;
        let strikes = self.left > 0 && self.seen.is_multiple_of(EVERY);
        self.left -= u32::from(strikes);
        strikes
    }
}

/// Passes connections on to a broker and does the fault `times`. Its threads end with their connections.
pub(crate) fn start(broker: SocketAddr, fault: Fault, times: u32) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let mischief = Arc::new(Mutex::new(Mischief { fault, left: times, seen: 0 }));
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(broker) else { return };
            let mischief = Arc::clone(&mischief);
            let (from_client, to_server) = (duplicate(&client), duplicate(&server));
            thread::spawn(move || pass(from_client, to_server, std::mem::take));
            let mut kept = Vec::new();
            thread::spawn(move || pass(server, client, |bytes| disturbed(bytes, &mischief, &mut kept)));
        }
    });
    address
}

fn duplicate(stream: &TcpStream) -> TcpStream {
    let _ = stream.set_nodelay(true);
    stream.try_clone().expect("there are descriptors left")
}

/// Passes on what `changed` makes of the bytes that have arrived; it takes what it has dealt with.
fn pass(mut from: TcpStream, mut to: TcpStream, mut changed: impl FnMut(&mut Vec<u8>) -> Vec<u8>) {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 16 << 10]);
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..count]);
        if to.write_all(&changed(&mut bytes)).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// Takes the whole packets and gives what becomes of them.
fn disturbed(bytes: &mut Vec<u8>, mischief: &Mutex<Mischief>, kept: &mut Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut taken = 0;
    while let Ok(Some(header)) = Header::read(&bytes[taken..])
        && let Some(packet) = bytes.get(taken..taken + header.total_len())
    {
        taken += packet.len();
        let mut mischief = mischief.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_publish, fault) = (header.kind == PacketType::Publish, mischief.fault);
        match fault {
            _ if !is_publish => out.extend_from_slice(packet),
            _ if !mischief.strikes() => {
                out.extend_from_slice(packet);
                if fault == Fault::Swap {
                    out.append(kept);
                }
            }
            Fault::Drop => {}
            Fault::Duplicate => out.extend([packet, packet].concat()),
            Fault::Swap => kept.extend_from_slice(packet),
        }
    }
    bytes.drain(..taken);
    out
}
