//! How long a group waits for what.

use std::time::Duration;

/// Heartbeats and elections.
///
/// A dead leader is replaced after its lease (= the longest election time-out) and one election time-out: with the
/// default in 0.8 to 0.9 s, in 1.35 s when the first vote is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClusterTiming {
    /// How often a leader shows that it lives.
    pub heartbeat: Duration,
    /// The shortest election time-out.
    pub election_least: Duration,
    /// The longest election time-out; also a leader's lease.
    pub election_most: Duration,
}

impl ClusterTiming {
    /// For a local network.
    pub const DEFAULT: ClusterTiming = ClusterTiming::of_ms(75, 350, 450);
    /// For nodes up to some tens of milliseconds apart, or machines that stall.
    pub const WIDE: ClusterTiming = ClusterTiming::of_ms(250, 1_200, 1_600);
    /// For quiet machines on a good network.
    pub const FAST: ClusterTiming = ClusterTiming::of_ms(50, 150, 300);

    const fn of_ms(heartbeat: u64, least: u64, most: u64) -> Self {
        Self {
            heartbeat: Duration::from_millis(heartbeat),
            election_least: Duration::from_millis(least),
            election_most: Duration::from_millis(most),
        }
    }

    /// The profile of a name: `default`, `wide` or `fast`.
    #[must_use]
    pub fn named(name: &str) -> Option<ClusterTiming> {
        match name {
            "default" => Some(Self::DEFAULT),
            "wide" => Some(Self::WIDE),
            "fast" => Some(Self::FAST),
            _ => None,
        }
    }

    /// How old a quorum's acknowledgement may be for a read by lease: half the lease, because clocks drift.
    #[must_use]
    pub fn lease_read_age(&self) -> Duration {
        self.election_most / 2
    }

    /// How long a question that needs a quorum may take.
    #[must_use]
    pub fn quorum_wait(&self) -> Duration {
        self.election_most * 2
    }
}

impl Default for ClusterTiming {
    fn default() -> Self {
        Self::DEFAULT
    }
}
