//! Mixed operations of one request, in their order.

use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, operation_of, push_item};
use holdfast_proto::{Code, Error};
use holdfast_replication::raft::Proposed;
use holdfast_state::{Outcome, SESSION_WINDOW};

use super::change::Ready;
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
        let mut answers: Vec<Answer> = Vec::with_capacity(items);
        let mut coming: Vec<Item<'_>> = Vec::new();
        let mut reader = ItemReader::new(&asked.payload);
        let mut sequence = asked.header.sequence;
        while let Some((item, key, value)) = reader.next::<RequestHeader>()? {
            match operation_of(&item) {
                Err(error) => coming.push(Item::Known(Box::new(Err(error.into())))),
                Ok(operation @ (Operation::Get | Operation::Exists)) => {
                    self.settle(&mut coming, &mut answers).await?;
                    self.group.raft().read_barrier(self.mode()).await?;
                    let got = self.get(&machine, &store, operation, &item, key).await;
                    coming.push(Item::Known(Box::new(got)));
                }
                Ok(operation) => {
                    self.group.raft().hear_majority().await?;
                    let ready = self
                        .prepare(&machine, &store, operation, &item, sequence, key, value)
                        .await;
                    coming.push(match ready {
                        Err(away) => Item::Known(Box::new(Err(away))),
                        Ok(Ready { commands, coming }) => {
                            let proposed = self.propose(commands)?;
                            Item::Coming(key, proposed, coming)
                        }
                    });
                }
            }
            if sequence != 0 {
                sequence = sequence.saturating_add(1);
            }
        }
        self.settle(&mut coming, &mut answers).await?;
        write(answers, room)
    }

    /// Waits for what was proposed. A batch that was lost in part is repeated as a whole: what is done is not done again.
    async fn settle(&self, coming: &mut Vec<Item<'_>>, answers: &mut Vec<Answer>) -> Result<(), Away> {
        for item in coming.drain(..) {
            let result = match item {
                Item::Known(result) => *result,
                Item::Coming(key, proposed, coming) => {
                    let outcome = proposed.await;
                    drop(coming);
                    self.reply(key, outcome?.pop()).map(Answer::from)
                }
            };
            answers.push(match result {
                Ok(answer) => answer,
                Err(Away::Failed(Failure::Refused(error))) => ReplyHeader::failure(&error).into(),
                Err(away) => return Err(away),
            });
        }
        Ok(())
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
