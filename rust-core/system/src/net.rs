//! TCP.

#[cfg(not(feature = "simulation"))]
mod system;

#[cfg(feature = "simulation")]
pub use crate::simulation::{
    OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream, end_writing, limit_unsent, listen, lookup_host,
};
#[cfg(not(feature = "simulation"))]
pub use system::{
    OwnedReadHalf, OwnedWriteHalf, TcpListener, TcpStream, end_writing, limit_unsent, listen, lookup_host,
};
