//! A client's session as the server keeps it: with the room that its outcomes take until the client has seen them.

use std::sync::Arc;

use holdfast_proto::{Code, Error, bytes_text};
use holdfast_state::{Change, Outcome};
use parking_lot::Mutex;

use super::admission::ByteBudget;
use super::failure::store_error;
use crate::session::{ChangeNumbers, NodeSession};
use crate::store::NodeStore;

/// Former values that outcomes keep: a retry must get the same one again.
#[derive(Default)]
struct Kept {
    bytes: u64,
    /// The newest change that keeps one.
    through: u64,
}

/// One session. What it keeps is given back when nobody holds it any more.
pub(crate) struct Session {
    known: NodeSession,
    kept: Mutex<Kept>,
    /// Of all sessions together.
    room: Arc<ByteBudget>,
}

impl Session {
    pub(crate) fn new(id: u128, room: Arc<ByteBudget>) -> Session {
        Session {
            known: NodeSession::new(id),
            kept: Mutex::default(),
            room,
        }
    }

    /// As the node's groups know it.
    pub(crate) fn known(&self) -> &NodeSession {
        &self.known
    }

    /// Makes a change that may be repeated; true when it was a repetition, which gets the first outcome.
    ///
    /// # Errors
    /// `ResourceExhausted` when there is no room to keep its former value; those of the change.
    pub(crate) fn change_once(
        &self,
        store: &NodeStore,
        change: &Change<'_>,
        numbers: ChangeNumbers,
    ) -> Result<(Outcome, bool), Error> {
        if change.returns_previous() {
            self.make_room(numbers.first_unacknowledged)?;
        }
        let (outcome, repeated) = store
            .change_once(change, &self.known, numbers)
            .map_err(|failed| store_error(store, failed))?;
        if let Outcome::Changed {
            previous: Some(entry),
            ..
        } = &outcome
            && !repeated
        {
            self.keep(numbers.sequence, entry.value().len() as u64);
        }
        Ok((outcome, repeated))
    }

    fn keep(&self, sequence: u64, bytes: u64) {
        self.room.take(bytes);
        let mut kept = self.kept.lock();
        kept.bytes += bytes;
        kept.through = kept.through.max(sequence);
    }

    /// Gives back what the client says that it has seen; an error when all sessions keep too much all the same.
    fn make_room(&self, first_unacknowledged: u64) -> Result<(), Error> {
        let mut kept = self.kept.lock();
        if first_unacknowledged > kept.through {
            self.room.give(std::mem::take(&mut kept.bytes));
        }
        drop(kept);
        if self.room.is_over() {
            return Err(no_room(&self.room));
        }
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.room.give(self.kept.get_mut().bytes);
    }
}

#[cold]
fn no_room(room: &ByteBudget) -> Error {
    let message = format!(
        "the node keeps {} bytes of former values for clients that have not said that they got them: at most {}; \
         come again, or do not ask for the former value",
        room.used(),
        bytes_text(room.limit())
    );
    Error::new(Code::ResourceExhausted, message)
}
