//! A leader's appends to one other replica, without those that carry nothing but the commit index where they can be spared.
//!
//! openraft sends a message of its own for each step of the commit index that no entry has carried. Nobody waits for it, it
//! costs both nodes as much as one with an entry, and the next entry waits until it is answered. So it is held for a moment,
//! and dropped when another one comes that carries the same news. The one answer counts for both: openraft takes an answer
//! for all requests before it, as of when each of them was made.

use std::time::Duration;

use futures_util::Stream;
use futures_util::stream::{self, BoxStream, StreamExt};
use openraft::raft::AppendEntriesRequest;
use tokio::time::{Instant, timeout_at};

use crate::raft::types::Types;

/// How much later than they could others learn of a commit: by then a client that waits for each answer has sent its next
/// change.
const HELD: Duration = Duration::from_millis(2);

type Append = AppendEntriesRequest<Types>;

/// The requests that are worth a message.
pub(super) fn spared(
    requests: impl Stream<Item = Append> + Send + Unpin + 'static,
) -> BoxStream<'static, Append> {
    // Not asked again once it has ended: openraft's stream panics then.
    stream::unfold(requests.fuse(), |mut requests| async move {
        let request = next(&mut requests).await?;
        Some((request, requests))
    })
    .boxed()
}

async fn next(requests: &mut (impl Stream<Item = Append> + Unpin)) -> Option<Append> {
    let mut request = requests.next().await?;
    let held_until = Instant::now() + HELD;
    while request.entries.is_empty() {
        match timeout_at(held_until, requests.next()).await {
            Ok(Some(newer)) => request = newer,
            // The news are sent by themselves, also when nothing will follow.
            Ok(None) | Err(_) => break,
        }
    }
    Some(request)
}

#[cfg(test)]
mod tests {
    use crate::raft::types::Vote;
    use tokio::sync::mpsc;

    use super::*;
    use crate::raft::types::{Entry, LeaderId, LogId, Payload, RaftId};

    const LEADER: LeaderId = LeaderId {
        term: 1,
        node_id: RaftId(1),
    };

    /// As openraft's: it must not be asked again once it has ended.
    fn stream_of(requests: mpsc::UnboundedReceiver<Append>) -> BoxStream<'static, Append> {
        stream::unfold(requests, |mut requests| async move {
            Some((requests.recv().await?, requests))
        })
        .boxed()
    }

    fn append(committed: u64, entry: Option<u64>) -> Append {
        let entries = entry.map(|index| Entry {
            log_id: LogId::new(LEADER, index),
            payload: Payload::Blank,
        });
        Append {
            vote: Vote {
                leader_id: LEADER,
                committed: true,
            },
            prev_log_id: None,
            leader_commit: Some(LogId::new(LEADER, committed)),
            entries: entries.into_iter().collect(),
        }
    }

    fn news(request: &Append) -> (u64, usize) {
        let committed = request.leader_commit.as_ref().map_or(0, |id| id.index);
        (committed, request.entries.len())
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_takes_the_news_of_a_commit_along() {
        let (sender, requests) = mpsc::unbounded_channel();
        let mut spared = spared(stream_of(requests));
        for request in [
            append(1, Some(2)),
            append(2, None),
            append(3, None),
            append(3, Some(4)),
        ] {
            sender.send(request).expect("it is read");
        }
        assert_eq!(spared.next().await.as_ref().map(news), Some((1, 1)));
        assert_eq!(spared.next().await.as_ref().map(news), Some((3, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn news_that_nothing_takes_along_are_sent_by_themselves() {
        let (sender, requests) = mpsc::unbounded_channel();
        let mut spared = spared(stream_of(requests));
        let began = Instant::now();
        sender.send(append(2, None)).expect("it is read");
        assert_eq!(spared.next().await.as_ref().map(news), Some((2, 0)));
        assert!(began.elapsed() >= HELD);
        sender.send(append(3, None)).expect("it is read");
        drop(sender);
        assert_eq!(spared.next().await.as_ref().map(news), Some((3, 0)));
        assert!(spared.next().await.is_none());
    }
}
