//! The network ring: TCP sockets for one thread, over io_uring or over epoll.
//!
//! This crate owns sockets and the bytes in flight on them, and it is the home of `unsafe` in the workspace. It must never
//! know a protocol: it carries bytes.
//!
//! A [`Network`] belongs to one thread. Its owner calls [`Network::turn`], which submits everything asked for since the
//! last turn in one system call, waits if allowed to, and hands what happened to a [`Handler`]. A handler has no access
//! to the network; it notes what it wants and acts between turns. [`run`] is that loop; [`run_with_guests`] is the same
//! loop, which shares its thread with tasks of glommio once there are some.
//!
//! | module | subject |
//! | --- | --- |
//! | `network` | the public interface: sockets by id, one value per thread |
//! | `handler` | what a turn tells its caller, and the plain loop |
//! | `options` | sizes and the choice of engine |
//! | `socket` | the table of sockets, the life of one socket |
//! | `send_queue`, `spares` | bytes waiting to be sent, and recycled buffers for them |
//! | `listener` | binding, accepted and outgoing sockets, socket options |
//! | `alarms` | the one alarm of the caller and the ring's own time limits |
//! | `busy_poll` | looking for work before sleeping |
//! | `append` | writing to a file without blocking |
//! | `wake` | waking this thread from another one |
//! | `finish` | closing and detaching, step by step, for both engines |
//! | `uring`, `ring`, `buffers`, `operation` | the io_uring engine, direct descriptors among it |
//! | `epoll` | the epoll engine |
//! | `probe` | what the kernel refuses, why, and what to do about it |
//! | `locked` | how much locked memory a network takes |
//! | `host` | the only file that knows glommio |

//!
//! A server that sends back what it gets and says goodbye after the first piece:
//!
//! ```no_run
//! use std::io;
//! use std::os::fd::OwnedFd;
//!
//! use ringmq_ring::{
//!     BindOptions, Close, Closed, Driver, Engine, Handler, ListenerId, Network, Next, Options, Segment, SocketId, bind, run,
//! };
//!
//! #[derive(Default)]
//! struct Echo {
//!     new: Vec<SocketId>,
//!     heard: Vec<(SocketId, Vec<u8>)>,
//! }
//!
//! impl Handler for Echo {
//!     fn accepted(&mut self, _: ListenerId, id: SocketId) {
//!         self.new.push(id);
//!     }
//!     fn data(&mut self, id: SocketId, bytes: &mut [u8]) {
//!         self.heard.push((id, bytes.to_vec()));
//!     }
//!     fn stalled(&mut self, _: SocketId) {}
//!     fn drained(&mut self, _: SocketId) {}
//!     fn closed(&mut self, _: SocketId, _: Closed) {}
//!     fn detached(&mut self, _: SocketId, _: OwnedFd) {}
//!     fn woken(&mut self) {}
//!     fn alarm(&mut self) {}
//! }
//!
//! impl Driver for Echo {
//!     fn after_turn(&mut self, net: &mut Network) -> Next {
//!         for id in self.new.drain(..) {
//!             net.receive_once(id);
//!         }
//!         for (id, bytes) in self.heard.drain(..) {
//!             if let Some(queue) = net.send_queue(id) {
//!                 queue.push(Segment::Bytes(bytes));
//!             }
//!             net.send(id);
//!             net.close(id, Close::AfterDrain { linger_ms: 1000 });
//!         }
//!         Next::Wait
//!     }
//! }
//!
//! let mut net = Network::open(&Options { engine: Engine::Epoll, ..Options::default() }).expect("the kernel allows it");
//! net.listen(bind("127.0.0.1:7777".parse().expect("an address"), &BindOptions::default())?)?;
//! run(&mut net, &mut Echo::default())?;
//! # Ok::<(), io::Error>(())
//! ```

mod alarms;
mod append;
mod buffers;
mod busy_poll;
mod epoll;
mod finish;
mod handler;
mod host;
mod listener;
mod locked;
mod network;
mod operation;
mod options;
mod probe;
mod ring;
mod send_queue;
mod socket;
mod spares;
mod state;
mod stats;
mod uring;
mod wake;

#[cfg(test)]
mod tests;

pub use append::{Append, Appended, Durability};
pub use handler::{Close, Closed, Driver, Handler, Next, Wait, run};
pub use host::{Guest, invite, run_with_guests};
pub use listener::{BindOptions, ListenerId, bind, share_port};
pub use locked::{locked_bytes, locked_bytes_max};
pub use network::Network;
pub use options::{Engine, Options};
pub use probe::{OpenError, direct_descriptors};
pub use send_queue::{Segment, SendQueue};
pub use socket::SocketId;
pub use stats::Stats;
pub use wake::Remote;
