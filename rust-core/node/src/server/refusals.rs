//! Peers that are not let in, as operators hear of them: a line a second at most for each cause, with how many there
//! were, so that nobody fills a log by knocking.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

use super::shared::Shared;
use crate::log::Level;

/// Time between two lines about the same cause.
const INTERVAL: Duration = Duration::from_secs(1);

/// Refusals that no line tells of yet.
#[derive(Default)]
pub(crate) struct Refusals {
    credentials: Cause,
    handshakes: Cause,
}

/// What happened since the last line.
#[derive(Default)]
struct Cause(Mutex<Since>);

#[derive(Default)]
struct Since {
    /// The first of them, for the line.
    first: String,
    count: u64,
}

impl Refusals {
    /// A peer did not bring the node's token.
    pub(crate) fn credential(&self, peer: SocketAddr, reason: &str) {
        self.credentials
            .count(|| format!("connection {peer} refused: {reason}"));
    }

    /// TLS with a peer came to nothing.
    pub(crate) fn handshake(&self, peer: SocketAddr, reason: &str) {
        self.handshakes
            .count(|| format!("connection {peer}: the TLS handshake failed: {reason}"));
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        [&self.credentials, &self.handshakes]
            .into_iter()
            .filter_map(Cause::line)
    }
}

impl Cause {
    fn count(&self, line: impl FnOnce() -> String) {
        let mut since = self.0.lock();
        if since.count == 0 {
            since.first = line();
        }
        since.count += 1;
    }

    fn line(&self) -> Option<String> {
        let Since { first, count } = std::mem::take(&mut *self.0.lock());
        match count {
            0 => None,
            1 => Some(first),
            count => Some(format!("{first} (and {} more like it)", count - 1)),
        }
    }
}

/// Tells of refusals until the server has stopped.
pub(crate) async fn report(shared: Arc<Shared>) {
    loop {
        let stopped = tokio::select! {
            () = sleep(INTERVAL) => false,
            () = shared.stopped() => true,
        };
        for line in shared.refusals.lines() {
            shared.log(Level::Warning, &line);
        }
        if stopped {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_refusals_of_one_cause_are_one_line_with_their_number() {
        let refusals = Refusals::default();
        assert_eq!(refusals.lines().count(), 0);
        let peer = |port| SocketAddr::from(([10, 0, 0, 1], port));
        for port in 1..=1_000 {
            refusals.credential(peer(port), "no token");
        }
        refusals.handshake(peer(7), "no certificate");
        let lines: Vec<String> = refusals.lines().collect();
        assert_eq!(
            lines,
            [
                "connection 10.0.0.1:1 refused: no token (and 999 more like it)",
                "connection 10.0.0.1:7: the TLS handshake failed: no certificate",
            ]
        );
        assert_eq!(refusals.lines().count(), 0);
    }
}
