//! How fresh reads are.

use std::time::Duration;

use holdfast_proto::session::{ReadConsistency, RequestHeader};

/// How fresh what a client reads has to be, where a cluster has several replicas of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reads {
    /// It shows every change that was acknowledged before the read began.
    #[default]
    Linearizable,
    /// It is at most so old; a replica may answer.
    Bounded(Duration),
    /// Whatever a replica has, however old.
    Local,
}

impl Reads {
    /// Has a request ask for it.
    pub fn apply(self, header: &mut RequestHeader) {
        let (consistency, staleness) = match self {
            Reads::Linearizable => (ReadConsistency::Linearizable, Duration::ZERO),
            Reads::Bounded(most) => (ReadConsistency::Bounded, most),
            Reads::Local => (ReadConsistency::Local, Duration::ZERO),
        };
        header.consistency = consistency as i32;
        header.max_staleness_ms = u32::try_from(staleness.as_millis()).unwrap_or(u32::MAX);
    }
}
