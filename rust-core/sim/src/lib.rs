//! Whole clusters of nodes and clients, as they are in production, on simulated machines.
//!
//! ```text
//! seed ─▶ Scenario ─ plans faults ─▶ machines, network          ┐ one thread, stepped
//!             │                        │ nodes: holdfast-node   │ millisecond by
//!             │                        │ clients: holdfast-client ┘ millisecond
//!             └── history ◀── workload of tests/chaos ─▶ both checkers ─▶ violations
//! ```
//!
//! What is simulated: the network (TCP as programs see it), the clocks (each machine has its own, none runs at the right
//! speed), random numbers, the moments at which machines run, and of their disks the time they take and what a loss of power
//! leaves of them. Everything above is the code of production: sessions,
//! gRPC between nodes, Raft, the state machines, the client with its routing.
//!
//! What this room promises:
//! - one seed, one course of events: a violation comes again, with its seed, as often as one likes;
//! - after the faults everything is whole, and then every node must become ready and every key must be readable;
//! - each seed has a process of its own, so that nothing is left over from another.

#[cfg(feature = "simulation")]
pub mod chance;
#[cfg(feature = "simulation")]
pub mod cluster;
#[cfg(feature = "simulation")]
pub mod faults;
#[cfg(feature = "simulation")]
pub mod log;
#[cfg(feature = "simulation")]
pub mod machine;
#[cfg(feature = "simulation")]
pub mod mutants;
#[cfg(feature = "simulation")]
pub mod scenario;
#[cfg(feature = "simulation")]
pub mod seeds;
#[cfg(feature = "simulation")]
pub mod sliding;
