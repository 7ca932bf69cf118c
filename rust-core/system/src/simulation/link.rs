//! The way from one machine to another.

/// The way from one machine to another, in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Nothing arrives; the sender's system repeats what was sent, so that it arrives once the cut has healed.
    pub cut: bool,
    /// Shortest time on the way, ms.
    pub least_ms: u64,
    /// Longest time on the way, ms.
    pub most_ms: u64,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            cut: false,
            least_ms: 1,
            most_ms: 2,
        }
    }
}
