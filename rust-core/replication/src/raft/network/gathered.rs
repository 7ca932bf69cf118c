//! Messages of several groups that go to one node share a packet.
//!
//! What wakes a group's task at a node wakes those of others too: entries of several groups are proposed, appended and
//! answered in the same turn of the runtime. Each would be written by itself, for the writer runs as soon as the first
//! message is there. So it lets whoever is in the queue already go first, once; tonic puts all messages that are ready into
//! one frame, and that is one write here and one wake-up there.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};

/// Items as they come; those that come after a pause, a turn of the runtime later.
pub(super) struct Gathered<S> {
    items: S,
    /// There was nothing when it was asked last.
    idle: bool,
}

impl<S> Gathered<S> {
    pub(super) fn new(items: S) -> Self {
        Self { items, idle: false }
    }
}

impl<S: Stream + Unpin> Stream for Gathered<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        if self.idle {
            self.idle = false;
            // A task that wakes itself goes to the end of the queue.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let polled = self.items.poll_next_unpin(cx);
        self.idle = polled.is_pending();
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::{Notify, mpsc};
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    #[tokio::test]
    async fn what_comes_in_one_turn_is_ready_together() {
        const SENDERS: usize = 5;
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut gathered = Gathered::new(UnboundedReceiverStream::new(receiver));
        let (begin, waiting) = (Arc::new(Notify::new()), Arc::new(AtomicUsize::new(0)));
        for number in 0..SENDERS {
            let (sender, begin, waiting) = (sender.clone(), Arc::clone(&begin), Arc::clone(&waiting));
            tokio::spawn(async move {
                let began = begin.notified();
                waiting.fetch_add(1, Ordering::Relaxed);
                began.await;
                sender.send(number).expect("it is read");
            });
        }
        drop(sender);
        while waiting.load(Ordering::Relaxed) < SENDERS {
            tokio::task::yield_now().await;
        }
        let reader = tokio::spawn(async move {
            let mut batches = Vec::new();
            while let Some(first) = gathered.next().await {
                let mut batch = vec![first];
                while let Some(Some(more)) = futures_util::FutureExt::now_or_never(gathered.next()) {
                    batch.push(more);
                }
                batches.push(batch);
            }
            batches
        });
        tokio::task::yield_now().await;
        begin.notify_waiters();
        let batches = reader.await.expect("it ends");
        assert_eq!(batches, [Vec::from_iter(0..SENDERS)]);
    }

    #[tokio::test]
    async fn nothing_that_comes_is_left_behind() {
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut gathered = Gathered::new(UnboundedReceiverStream::new(receiver));
        let reader = tokio::spawn(async move {
            let mut read = Vec::new();
            while let Some(item) = gathered.next().await {
                read.push(item);
            }
            read
        });
        for number in 0..100 {
            sender.send(number).expect("it is read");
            if number % 3 == 0 {
                tokio::task::yield_now().await;
            }
        }
        drop(sender);
        assert_eq!(reader.await.expect("it ends"), Vec::from_iter(0..100));
    }
}
