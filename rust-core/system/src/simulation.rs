//! Simulated machines and the network between them, all of one thread.
//!
//! A driver owns the machines: it steps one after the other for a millisecond, each on a runtime of its own whose clock
//! only the driver moves, and calls [`Network::tick`] between the rounds. Code of a machine finds itself here through the
//! thread: [`Clock::current`] is the machine that is being stepped.
//!
//! The network is TCP as programs see it: bytes arrive in order or not at all, those that meet a cut wait until it heals
//! (the sender repeats them), a process that dies resets its connections, a machine that loses power says nothing.

mod clock;
mod connection;
pub mod disk;
mod link;
mod network;
mod sockets;
mod world;

pub use clock::Clock;
pub use link::Link;
pub use network::{Death, Network};
pub use sockets::{
    Address, OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream, end_writing, limit_unsent, listen,
    lookup_host,
};
