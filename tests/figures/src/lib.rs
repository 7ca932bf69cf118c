//! What a cluster of real processes must show, in figures: each is taken by a command that prints it beside its bar.
//!
//! What this room promises:
//! - the nodes are processes of the released program, without anything between them, and every call goes through the
//!   Rust client as an application's does;
//! - where a figure says that nothing was lost or stale, both history checkers of the chaos tests have said so of a
//!   history that was recorded meanwhile;
//! - a figure that misses its bar ends the command with an error, after it was printed.

pub mod beside;
pub mod cluster;
pub mod figures;
pub mod pauses;
pub mod recorded;
pub mod report;
