//! Sessions and recorded outcomes in a snapshot.

use std::sync::Arc;

use parking_lot::MutexGuard;

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::error::StateError;
use crate::hash::Slot;
use crate::outcome::Outcome;
use crate::session::{Recorded, Session, Sessions};
use crate::settings::StoreId;
use crate::snapshot::{read_shared, write_shared};
use crate::store::Store;

/// Writes all sessions, by id.
pub(crate) fn write_sessions(
    out: &mut Writer,
    sessions: &[(u128, MutexGuard<'_, Session>)],
    stores: &[Arc<Store>],
    solo: bool,
) {
    out.u32(sessions.len() as u32);
    for (id, session) in sessions {
        out.u128(*id);
        out.u64(session.first_unacknowledged);
        out.u32(session.outcomes.len() as u32);
        for (sequence, recorded) in &session.outcomes {
            out.u64(*sequence);
            out.u16(recorded.slot.0);
            out.u32(recorded.store.0);
            write_outcome(out, recorded, stores, solo);
        }
    }
}

/// Reads what [`write_sessions`] wrote; the stores are there already.
pub(crate) fn read_sessions(
    input: &mut Reader<'_>,
    stores: &[Arc<Store>],
) -> Result<Sessions, SnapshotError> {
    let mut sessions = Sessions::default();
    let mut before = None;
    for _ in 0..input.u32()? {
        let id = input.u128()?;
        if before.is_some_and(|before| before >= id) {
            return Err(malformed("sessions are out of order"));
        }
        before = Some(id);
        let mut session = Session::new(input.u64()?);
        for _ in 0..input.u32()? {
            let sequence = input.u64()?;
            let slot = Slot(input.u16()?);
            let store = StoreId(input.u32()?);
            let outcome = read_outcome(input, store, stores)?;
            let recorded = Recorded { slot, store, outcome };
            if !session.insert(sequence, recorded) {
                return Err(malformed("a sequence number comes twice"));
            }
        }
        sessions.insert(id, session);
    }
    Ok(sessions)
}

fn store_of(stores: &[Arc<Store>], id: StoreId) -> Option<&Store> {
    let place = stores.binary_search_by_key(&id, |store| store.id()).ok()?;
    Some(&stores[place])
}

fn write_outcome(out: &mut Writer, recorded: &Recorded, stores: &[Arc<Store>], solo: bool) {
    match &recorded.outcome {
        Outcome::Changed {
            applied,
            found,
            version,
            previous,
        } => {
            out.u8(0);
            out.bool(*applied);
            out.bool(*found);
            out.i64(*version);
            out.option(previous.as_ref(), |out, entry| {
                let store = store_of(stores, recorded.store).expect("stores are never removed");
                let map = store.shard(store.slot_of(entry)).map.read();
                let live = map.find(entry.hash(), entry.key());
                write_shared(out, entry, live.is_some_and(|live| live.is_same(entry)), solo);
            });
        }
        Outcome::Counter {
            before,
            after,
            version,
        } => {
            out.u8(1);
            out.i64(*before);
            out.i64(*after);
            out.i64(*version);
        }
        Outcome::Removed {
            count,
            more,
            next,
            version,
        } => {
            out.u8(2);
            out.u64(*count);
            out.bool(*more);
            out.u16(next.0);
            out.i64(*version);
        }
        Outcome::Failed(error) => {
            out.u8(3);
            write_error(out, error);
        }
        other => unreachable!("only changes of stores are recorded, not {other:?}"),
    }
}

fn read_outcome(
    input: &mut Reader<'_>,
    store: StoreId,
    stores: &[Arc<Store>],
) -> Result<Outcome, SnapshotError> {
    Ok(match input.u8()? {
        0 => Outcome::Changed {
            applied: input.bool()?,
            found: input.bool()?,
            version: input.i64()?,
            previous: input.option(|input| {
                let store = store_of(stores, store);
                let store = store.ok_or_else(|| malformed("an outcome of an unknown store"))?;
                read_shared(input, store)
            })?,
        },
        1 => Outcome::Counter {
            before: input.i64()?,
            after: input.i64()?,
            version: input.i64()?,
        },
        2 => Outcome::Removed {
            count: input.u64()?,
            more: input.bool()?,
            next: Slot(input.u16()?),
            version: input.i64()?,
        },
        3 => Outcome::Failed(read_error(input)?),
        other => return Err(malformed(format!("outcome kind {other}"))),
    })
}

/// The errors that a change can end with.
fn write_error(out: &mut Writer, error: &StateError) {
    match error {
        StateError::StoreFull { needed, limit } => {
            out.u8(0);
            out.u64(*needed);
            out.u64(*limit);
        }
        StateError::NotANumber => out.u8(1),
        StateError::CounterOutOfBounds {
            value,
            delta,
            minimum,
            maximum,
        } => {
            out.u8(2);
            for number in [value, delta, minimum, maximum] {
                out.i64(*number);
            }
        }
        StateError::KeyEmpty => out.u8(3),
        StateError::KeyTooLarge { size, limit } => {
            out.u8(4);
            out.u64(*size);
            out.u64(*limit);
        }
        StateError::ValueTooLarge { size, limit } => {
            out.u8(5);
            out.u64(*size);
            out.u64(*limit);
        }
        StateError::TtlOutOfRange { ttl_ms, limit } => {
            out.u8(6);
            out.u64(*ttl_ms);
            out.u64(*limit);
        }
        other => unreachable!("no change ends with {other:?}"),
    }
}

fn read_error(input: &mut Reader<'_>) -> Result<StateError, SnapshotError> {
    Ok(match input.u8()? {
        0 => StateError::StoreFull {
            needed: input.u64()?,
            limit: input.u64()?,
        },
        1 => StateError::NotANumber,
        2 => StateError::CounterOutOfBounds {
            value: input.i64()?,
            delta: input.i64()?,
            minimum: input.i64()?,
            maximum: input.i64()?,
        },
        3 => StateError::KeyEmpty,
        4 => StateError::KeyTooLarge {
            size: input.u64()?,
            limit: input.u64()?,
        },
        5 => StateError::ValueTooLarge {
            size: input.u64()?,
            limit: input.u64()?,
        },
        6 => StateError::TtlOutOfRange {
            ttl_ms: input.u64()?,
            limit: input.u64()?,
        },
        other => return Err(malformed(format!("error {other}"))),
    })
}
