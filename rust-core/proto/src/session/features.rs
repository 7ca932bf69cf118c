//! Bits of [`super::Hello::features`] and [`super::Welcome::features`].

/// The node belongs to a cluster: it answers `ClusterMap`, and says who leads a group that it does not lead itself.
/// Requests carry the epochs of groups; [`super::Welcome::epoch`] and [`super::Welcome::session_resumed`] say nothing.
pub const CLUSTER: u64 = 1;
