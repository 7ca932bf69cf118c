//! Recorded outcomes in a snapshot.

use std::collections::BTreeSet;

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::error::StateError;
use crate::hash::Slot;
use crate::machine::Machine;
use crate::outcome::Outcome;
use crate::session::Recorded;
use crate::settings::StoreId;
use crate::snapshot::{read_shared, write_shared};

/// Writes an outcome behind its number.
pub(crate) fn write_outcome(
    out: &mut Writer,
    sequence: u64,
    recorded: &Recorded,
    live: &BTreeSet<usize>,
    solo: bool,
) {
    out.u64(sequence);
    out.u16(recorded.slot.0);
    out.u32(recorded.store.0);
    write_outcome_itself(out, &recorded.outcome, live, solo);
}

/// What [`write_outcome`] wrote; the stores are there already.
pub(crate) fn read_outcome(
    input: &mut Reader<'_>,
    machine: &Machine,
) -> Result<(u64, Recorded), SnapshotError> {
    let sequence = input.u64()?;
    let slot = Slot(input.u16()?);
    let store = StoreId(input.u32()?);
    let outcome = read_outcome_itself(input, store, machine)?;
    Ok((sequence, Recorded { slot, store, outcome }))
}

fn write_outcome_itself(out: &mut Writer, outcome: &Outcome, live: &BTreeSet<usize>, solo: bool) {
    match outcome {
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
                write_shared(out, entry, live, solo)
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

fn read_outcome_itself(
    input: &mut Reader<'_>,
    store: StoreId,
    machine: &Machine,
) -> Result<Outcome, SnapshotError> {
    Ok(match input.u8()? {
        0 => Outcome::Changed {
            applied: input.bool()?,
            found: input.bool()?,
            version: input.i64()?,
            previous: input.option(|input| {
                let store = machine.store(store);
                let store = store.ok_or_else(|| malformed("an outcome of an unknown store"))?;
                read_shared(input, &store)
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
