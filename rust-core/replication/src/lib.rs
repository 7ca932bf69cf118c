//! How a group's commands reach its machine.
//!
//! Today there is one way: [`Solo`], for a group that has a single replica and no log. A command is
//! applied at once, by the thread that brings it; several threads may apply to one group at a time, the
//! machine's own locks order them.

mod solo;

pub use solo::{GroupFailed, Solo};
