//! A session's changes in one group: their numbers, and those that wait for one.

use std::collections::VecDeque;

use super::window::Window;

/// A node alone has one; in a cluster each group has its own.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) window: Window,
    /// Slots of changes for which the window has no room yet, with their order.
    pub(super) held: VecDeque<(usize, u64)>,
    /// The group has answered a change: it knows the session.
    pub(super) confirmed: bool,
}
