//! The way to nodes in other processes.
//!
//! ```text
//! callers' threads                            holdfast-io, one thread for each set of options
//! RemoteClient::submit ─▶ Core ◀───────────── link: connects, writes what is queued, takes what has arrived;
//!      │ alone and idle:   │ table,           one for a node alone, one for each node of a cluster in use
//!      └──▶ socket         │ links, lanes     keeper: deadlines, the cluster's map, what did not come as a reply
//!                          └─ wakes           both ─▶ Sink::completed, state_changed, closed
//! ```
//!
//! What this room promises:
//! - a request that was accepted completes exactly once, whatever cancels, closes, cuts, times out or panics: it is in the
//!   one table (`pending`) until somebody takes it out under the core's lock, and whoever does completes it;
//! - it completes by its deadline, whatever the socket does: the keeper's timer knows no socket;
//! - a read that a lost connection left unanswered is sent again; a change only where the node, or the group, still knows
//!   the session, with the same sequence; where it does not, the caller is told that the outcome is unknown. What was
//!   never wholly written to a socket is sent as new;
//! - what waits is bounded in bytes, on a connection and without one;
//! - a peer that breaks the protocol costs its connection, and nothing is allocated on its word alone;
//! - small requests wait for at most two pieces of big ones;
//! - a client that is closed hears of everything that it had pending, then [`Sink::closed`], then nothing; other clients
//!   of the connection notice nothing.
//!
//! In a cluster (`cluster`, `route`, `refresh`) each request goes to the node that leads its key's group, as the newest
//! map and the nodes' own corrections have it. A request lies with one connection at a time, and moves: a node that does
//! not lead the group sends it on, a connection that ends or a node that is silent while another one leads gives it back,
//! and where nobody leads it waits, by its deadline, for a map that says who does. Maps are asked for one at a time, at
//! intervals that grow and are drawn at random, and only while something waits for what they may say. Sequences and the
//! window of unacknowledged changes are each group's own (`lanes`), the session is one. A change that a node has said it
//! did not execute is not `Unknown`, one that may lie with a former leader is until a leader answers. What concerns many
//! keys of a cache store is split into a request for each group (`split`), which complete as one (`join`, `pages`).
//!
//! Threads: a set of connections (`registry`) has one, `holdfast-io`, begun by the first request and ended by the last
//! client; every call of a sink comes from it (but for the last one of a client whose connection never had a request). It
//! runs a tokio runtime of its own with a task for the keeper and one for each connection, which never run at once: so
//! what one takes out of the table and delivers before it waits again cannot be overtaken by another. Names are resolved,
//! and TLS files read, on threads beside it. A panic on it ends everything pending with `Internal` and refuses further
//! requests (`io_thread`).
//!
//! Locks, in this order: the registry's, then one core. A client's list of stores is never held together with another. No
//! lock is held while a sink, a log or a waker is called; the core's is held over one system call, the write of a caller
//! that is alone on an idle connection, which does not block.
//!
//! Speed: a request is encoded once, into the outbox, and kept for being sent again in a buffer that an earlier request
//! left; only the first one that finds the outbox empty wakes the thread, and all that is queued by then goes out in one
//! write. All that has arrived is completed by one call per client, small payloads lying where they were read. With a
//! node alone all that a cluster needs costs a branch: there is one link, one lane and no map.

mod async_client;
mod client;
mod cluster;
mod core;
mod dispatch;
mod ending;
mod errors;
mod io_thread;
mod join;
mod keeper;
mod lanes;
mod link;
mod links;
mod options;
mod pages;
mod pending;
mod reads;
mod refresh;
mod registry;
mod route;
mod sink;
mod split;
mod stores;
mod tls;
mod window;

pub use async_client::{Answer, AsyncClient};
pub use client::RemoteClient;
pub use options::{ClientOptions, RemoteOptions, TlsOptions};
pub use reads::Reads;
pub use sink::{Completed, ConnectionState, Payload, Reply, Sink, StateChange};

#[cfg(test)]
mod tests;
