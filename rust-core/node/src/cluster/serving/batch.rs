//! Mixed operations of one request, in their order.

use std::sync::atomic::Ordering;

use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, operation_of, push_item};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::{ProposeError, Proposed};
use holdfast_state::{Machine, Outcome, SESSION_WINDOW, Store};

use super::{Away, Here};
use crate::cluster::group::Coming;
use crate::server::answer::Answer;
use crate::server::failure::Failure;
use crate::server::many::{of_items, reply_too_large, room_for, survey};

/// An item whose answer is known, or is on its way.
enum Item<'a> {
    Known(Box<Result<Answer, Away>>),
    Coming(&'a [u8], Proposed<Outcome>, Option<Coming>),
}

/// How far a batch has come.
#[derive(Default)]
struct Progress<'a> {
    answers: Vec<Answer>,
    /// Behind those that are answered.
    coming: Vec<Item<'a>>,
    /// One of its changes was made, or may be.
    made: bool,
}

impl Here<'_> {
    /// Its changes are proposed one behind the other, without waiting for each; a read waits for those before it.
    pub(super) async fn batch(&self) -> Result<Answer, Away> {
        let asked = self.asked;
        let (items, bytes) = survey(&asked.header, &asked.payload)?;
        holdfast_proto::limits::check_batch(bytes)?;
        let room = room_for(items)?;
        if asked.header.sequence != 0 && items as u64 > SESSION_WINDOW {
            let message =
                format!("the batch has {items} items: one that may be repeated has at most {SESSION_WINDOW}");
            return Err(Failure::new(Code::BatchTooLarge, message).into());
        }
        let (machine, store) = self.state().await?;
        let mut progress = Progress::default();
        let done = self.run_items(&machine, &store, &mut progress).await;
        let Err(away) = done else {
            return write(progress.answers, room);
        };
        // What was proposed behind the item that was turned away may be made all the same.
        for item in progress.coming {
            if let Item::Coming(_, proposed, _) = item {
                progress.made |= may_be_made(&proposed.await);
            }
        }
        match away {
            // Nobody may take it for a batch that was not begun. One that may be repeated is, as a whole, and what is done
            // is not done again.
            Away::Elsewhere(_) if progress.made => Err(Away::Lost),
            Away::Elsewhere(leader) => {
                asked.proposed.store(false, Ordering::Relaxed);
                Err(Away::Elsewhere(leader))
            }
            away => Err(away),
        }
    }

    async fn run_items<'a>(
        &'a self,
        machine: &Machine,
        store: &Store,
        progress: &mut Progress<'a>,
    ) -> Result<(), Away> {
        let asked = self.asked;
        let mut reader = ItemReader::new(&asked.payload);
        let mut sequence = asked.header.sequence;
        while let Some((item, key, value)) = reader.next::<RequestHeader>()? {
            let next = match operation_of(&item) {
                Err(error) => Item::Known(Box::new(Err(error.into()))),
                Ok(operation @ (Operation::Get | Operation::Exists)) => {
                    self.settle(progress).await?;
                    self.group.raft().read_barrier(self.mode()).await?;
                    let got = self.get(machine, store, operation, &item, key).await;
                    Item::Known(Box::new(got))
                }
                Ok(operation) => {
                    self.group.raft().hear_majority().await?;
                    let ready = self
                        .prepare(machine, store, operation, &item, sequence, key, value)
                        .await;
                    match ready.and_then(|ready| Ok((self.propose(ready.commands)?, ready.coming))) {
                        Ok((proposed, coming)) => Item::Coming(key, proposed, coming),
                        Err(away) => Item::Known(Box::new(Err(away))),
                    }
                }
            };
            progress.coming.push(next);
            if sequence != 0 {
                sequence = sequence.saturating_add(1);
            }
        }
        self.settle(progress).await
    }

    /// Waits for what was proposed. A batch that was lost in part is repeated as a whole: what is done is not done again.
    async fn settle(&self, progress: &mut Progress<'_>) -> Result<(), Away> {
        let mut coming = std::mem::take(&mut progress.coming).into_iter();
        while let Some(item) = coming.next() {
            let result = match item {
                Item::Known(result) => *result,
                Item::Coming(key, proposed, charged) => {
                    let outcome = proposed.await;
                    drop(charged);
                    progress.made |= may_be_made(&outcome);
                    outcome
                        .map_err(Away::from)
                        .and_then(|mut outcomes| self.reply(key, outcomes.pop()))
                        .map(Answer::from)
                }
            };
            progress.answers.push(match result {
                Ok(answer) => answer,
                Err(Away::Failed(Failure::Refused(error))) => ReplyHeader::failure(&error).into(),
                Err(away) => {
                    progress.coming = coming.collect();
                    return Err(away);
                }
            });
        }
        Ok(())
    }
}

/// Whether what was proposed with this outcome may have been made.
fn may_be_made<T>(outcome: &Result<T, ProposeError>) -> bool {
    match outcome {
        Ok(_) | Err(ProposeError::Unknown) => true,
        Err(ProposeError::NotLeader { .. } | ProposeError::Stopped | ProposeError::Overloaded { .. }) => {
            false
        }
    }
}

fn write(answers: Vec<Answer>, mut room: usize) -> Result<Answer, Away> {
    let items = answers.len();
    let mut reply = Vec::new();
    for answer in answers {
        let Answer { mut header, payload } = answer;
        let value = payload.bytes();
        if value.len() > room {
            let too_large: Error = reply_too_large();
            push_item(&mut reply, &ReplyHeader::failure(&too_large), &[], &[]);
            continue;
        }
        room = room.saturating_sub(value.len() + header.message.len());
        header.value_length = value.len() as u32;
        push_item(&mut reply, &header, &[], value);
    }
    Ok(of_items(items, reply))
}
