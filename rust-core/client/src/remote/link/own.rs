//! Answers to what the client itself asked: a store's id, the cluster's map.

use holdfast_proto::log::Level;
use holdfast_proto::{Code, Error};
use tokio::time::Instant;

use crate::remote::registry::Shared;
use crate::remote::sink::Reply;

/// The node answered what asked for a store's id.
pub(super) fn opened(shared: &Shared, store: u32, reply: &Result<Reply<'_>, Error>, now: Instant) {
    let mut core = shared.core.lock();
    match reply {
        Ok(Reply { header, .. }) => match &header.store {
            Some(at_node) => core.store_opened(store, at_node, now),
            None => core.store_refused(store, &nameless()),
        },
        Err(error) => core.store_refused(store, error),
    }
    drop(core);
    shared.keeper.notify_one();
}

/// A node answered what asked for the cluster's map.
pub(super) fn map_came(shared: &Shared, reply: &Result<Reply<'_>, Error>, now: Instant) {
    let mut core = shared.core.lock();
    let adopted = match reply {
        Ok(reply) => core.map_came(&reply.payload, now),
        Err(error) => {
            core.map_refused(now);
            Err(error.message.clone())
        }
    };
    drop(core);
    if let Err(refused) = adopted {
        let text = format!("the cluster's map cannot be used: {refused}");
        shared.log.line(Level::Warning, &text);
    }
    shared.keeper.notify_one();
}

/// The same, to a caller who asked.
pub(super) fn opened_by_caller(shared: &Shared, store: u32, reply: &Result<Reply<'_>, Error>, now: Instant) {
    if let Ok(Reply { header, .. }) = reply
        && let Some(at_node) = &header.store
    {
        shared.core.lock().store_opened(store, at_node, now);
    }
}

fn nameless() -> Error {
    Error::new(Code::Internal, "the node opened the store without saying its id")
}
