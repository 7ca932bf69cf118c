//! What Holdfast needs of the operating system, in one place, so that the simulator can stand in for it.
//!
//! Without the feature `simulation` everything here is the system's own, by another name. With it, sockets lead through
//! a simulated network, clocks are those of a simulated machine, and work that blocks runs where it was given: the same
//! code of nodes and clients then runs on one thread, and one number decides everything that happens.

#[cfg(feature = "net")]
pub mod net;
#[cfg(feature = "simulation")]
pub mod simulation;
pub mod time;
#[cfg(feature = "net")]
pub mod work;
