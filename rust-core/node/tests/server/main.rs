//! What a server promises to those who speak the session protocol with it, byte by byte.

mod bounds;
mod dedupe;
mod grpc;
mod hello;
mod hostile;
mod many;
mod operations;
mod peer;
mod pieces;
mod refused;
mod stop;
