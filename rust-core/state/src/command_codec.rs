//! Commands of data groups as bytes of a log entry.
//!
//! ```text
//! number u8 | of a store: store u32, slot u16, session? | fields
//! ```
//! Numbers and fields never change their meaning: what is new gets a new number, and belongs to a
//! feature level that the group has reached before the first one is logged. `field?` is a truth value
//! and, when true, the field. Flags that this build does not know are refused as unknown commands are.

mod group;

use self::group::{read_group_command, write_group_command};
use crate::chosen::{Touches, Victims};
use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::command::{Change, Command, Condition, KeyRange, SessionTag};
use crate::hash::Slot;
use crate::log_entry::LogError;
use crate::settings::StoreId;
use crate::time::{Expiry, Timestamp};

// Changes of stores.
const PUT: u8 = 1;
const DELETE: u8 = 2;
const SET_EXPIRY: u8 = 3;
const REFRESH: u8 = 4;
const INCREMENT: u8 = 5;
const CLEAR: u8 = 6;
const TOUCH: u8 = 7;
const EXPIRE: u8 = 8;
const EVICT: u8 = 9;
const SWEEP: u8 = 10;
/// The last number of a store's change; behind it come the group's own.
const LAST_IN_STORE: u8 = SWEEP;

// Flags of changes.
const RETURN_PREVIOUS: u8 = 1;
const NEVER_EVICT: u8 = 2;
const RESET_EXPIRY: u8 = 1;

impl<'a> Command<'a> {
    /// The command as the log has it. Entries that it holds are named by key and version.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        self.encode_into(&mut bytes);
        bytes
    }

    /// [`Self::encode`], behind what `bytes` has already.
    pub fn encode_into(&self, bytes: &mut Vec<u8>) {
        let mut out = Writer::behind(std::mem::take(bytes));
        match self {
            Command::InStore {
                store,
                slot,
                session,
                change,
            } => {
                out.u8(number_of(change));
                out.u32(store.0);
                out.u16(slot.0);
                out.option(session.as_ref(), |out, tag| {
                    out.u128(tag.session);
                    out.u64(tag.sequence);
                    out.u64(tag.first_unacknowledged);
                });
                write_change(&mut out, change);
            }
            Command::Group(command) => write_group_command(&mut out, command),
        }
        *bytes = out.into_bytes();
    }

    /// Reads what [`Self::encode`] wrote, borrowing keys, values and names from it.
    ///
    /// # Errors
    /// [`LogError::UnknownCommand`], or [`LogError::Unreadable`] when bytes are missing or left over,
    /// or mean nothing. Never panics on any bytes.
    pub fn decode(bytes: &'a [u8]) -> Result<Command<'a>, LogError> {
        let mut input = Reader::new(bytes);
        let number = input.u8()?;
        let command = if number <= LAST_IN_STORE {
            let store = StoreId(input.u32()?);
            let slot = Slot(input.u16()?);
            let session = input.option(|input| {
                Ok(SessionTag {
                    session: input.u128()?,
                    sequence: input.u64()?,
                    first_unacknowledged: input.u64()?,
                })
            })?;
            let change = read_change(number, &mut input)?;
            Command::InStore {
                store,
                slot,
                session,
                change,
            }
        } else {
            Command::Group(read_group_command(number, &mut input)?)
        };
        input.end()?;
        Ok(command)
    }
}

fn number_of(change: &Change<'_>) -> u8 {
    match change {
        Change::Put { .. } => PUT,
        Change::Delete { .. } => DELETE,
        Change::SetExpiry { .. } => SET_EXPIRY,
        Change::Refresh { .. } => REFRESH,
        Change::Increment { .. } => INCREMENT,
        Change::Clear { .. } => CLEAR,
        Change::Touch { .. } => TOUCH,
        Change::Expire { .. } => EXPIRE,
        Change::Evict { .. } => EVICT,
        Change::Sweep { .. } => SWEEP,
    }
}

fn write_change(out: &mut Writer, change: &Change<'_>) {
    match *change {
        Change::Put {
            key,
            value,
            expiry,
            condition,
            never_evict,
            return_previous,
        } => {
            out.u8(flag(return_previous, RETURN_PREVIOUS) | flag(never_evict, NEVER_EVICT));
            out.bytes(key);
            out.bytes(value);
            write_expiry(out, &expiry);
            write_condition(out, condition);
        }
        Change::Delete {
            key,
            condition,
            return_previous,
        } => {
            out.u8(flag(return_previous, RETURN_PREVIOUS));
            out.bytes(key);
            write_condition(out, condition);
        }
        Change::SetExpiry {
            key,
            expiry,
            condition,
        } => {
            out.bytes(key);
            write_expiry(out, &expiry);
            write_condition(out, condition);
        }
        Change::Refresh { key } => out.bytes(key),
        Change::Increment {
            key,
            delta,
            minimum,
            maximum,
            initial,
            expiry,
            reset_expiry,
        } => {
            out.u8(flag(reset_expiry, RESET_EXPIRY));
            out.bytes(key);
            for number in [delta, minimum, maximum, initial] {
                out.i64(number);
            }
            write_expiry(out, &expiry);
        }
        Change::Clear {
            range,
            through,
            limit,
        } => {
            write_range(out, &range);
            out.i64(through);
            out.u32(limit);
        }
        Change::Touch { touches } => touches.write(out),
        Change::Expire { up_to, limit } => {
            out.i64(up_to.0);
            out.u32(limit);
        }
        Change::Evict { victims } => victims.write(out),
        Change::Sweep { limit } => out.u32(limit),
    }
}

fn read_change<'a>(number: u8, input: &mut Reader<'a>) -> Result<Change<'a>, LogError> {
    Ok(match number {
        PUT => {
            let flags = read_flags(input, RETURN_PREVIOUS | NEVER_EVICT)?;
            Change::Put {
                key: input.bytes()?,
                value: input.bytes()?,
                expiry: read_expiry(input)?,
                condition: read_condition(input)?,
                never_evict: flags & NEVER_EVICT != 0,
                return_previous: flags & RETURN_PREVIOUS != 0,
            }
        }
        DELETE => {
            let flags = read_flags(input, RETURN_PREVIOUS)?;
            Change::Delete {
                key: input.bytes()?,
                condition: read_condition(input)?,
                return_previous: flags & RETURN_PREVIOUS != 0,
            }
        }
        SET_EXPIRY => Change::SetExpiry {
            key: input.bytes()?,
            expiry: read_expiry(input)?,
            condition: read_condition(input)?,
        },
        REFRESH => Change::Refresh { key: input.bytes()? },
        INCREMENT => {
            let flags = read_flags(input, RESET_EXPIRY)?;
            Change::Increment {
                key: input.bytes()?,
                delta: input.i64()?,
                minimum: input.i64()?,
                maximum: input.i64()?,
                initial: input.i64()?,
                expiry: read_expiry(input)?,
                reset_expiry: flags & RESET_EXPIRY != 0,
            }
        }
        CLEAR => Change::Clear {
            range: read_range(input)?,
            through: input.i64()?,
            limit: input.u32()?,
        },
        TOUCH => Change::Touch {
            touches: Touches::read(input)?,
        },
        EXPIRE => Change::Expire {
            up_to: Timestamp(input.i64()?),
            limit: input.u32()?,
        },
        EVICT => Change::Evict {
            victims: Victims::read(input)?,
        },
        SWEEP => Change::Sweep { limit: input.u32()? },
        number => return Err(LogError::UnknownCommand { number }),
    })
}

fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

fn read_flags(input: &mut Reader<'_>, known: u8) -> Result<u8, SnapshotError> {
    let flags = input.u8()?;
    if flags & !known != 0 {
        return Err(malformed(format!("flags {flags:#x} are not of this build")));
    }
    Ok(flags)
}

fn write_expiry(out: &mut Writer, expiry: &Expiry) {
    out.option(expiry.ttl_ms, Writer::u64);
    out.option(expiry.sliding_ms, Writer::u64);
    out.option(expiry.absolute_unix_ms, Writer::i64);
}

fn read_expiry(input: &mut Reader<'_>) -> Result<Expiry, SnapshotError> {
    Ok(Expiry {
        ttl_ms: input.option(Reader::u64)?,
        sliding_ms: input.option(Reader::u64)?,
        absolute_unix_ms: input.option(Reader::i64)?,
    })
}

fn write_condition(out: &mut Writer, condition: Condition) {
    match condition {
        Condition::Always => out.u8(0),
        Condition::Absent => out.u8(1),
        Condition::Present => out.u8(2),
        Condition::Version(version) => {
            out.u8(3);
            out.i64(version);
        }
    }
}

fn read_condition(input: &mut Reader<'_>) -> Result<Condition, SnapshotError> {
    Ok(match input.u8()? {
        0 => Condition::Always,
        1 => Condition::Absent,
        2 => Condition::Present,
        3 => Condition::Version(input.i64()?),
        other => return Err(malformed(format!("condition {other}"))),
    })
}

fn write_range(out: &mut Writer, range: &KeyRange<'_>) {
    match *range {
        KeyRange::All => out.u8(0),
        KeyRange::Prefix(prefix) => {
            out.u8(1);
            out.bytes(prefix);
        }
        KeyRange::Range { first, end } => {
            out.u8(2);
            out.bytes(first);
            out.option(end, Writer::bytes);
        }
    }
}

fn read_range<'a>(input: &mut Reader<'a>) -> Result<KeyRange<'a>, SnapshotError> {
    Ok(match input.u8()? {
        0 => KeyRange::All,
        1 => KeyRange::Prefix(input.bytes()?),
        2 => KeyRange::Range {
            first: input.bytes()?,
            end: input.option(Reader::bytes)?,
        },
        other => return Err(malformed(format!("key range {other}"))),
    })
}
