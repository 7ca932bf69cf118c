//! From the wire's messages to the state's commands, and from its outcomes and errors back.

use bytes::Bytes;
use holdfast_state::{
    Change, Condition, EntryRef, Eviction, Expiry, KeyRange, Outcome, StoreClass, StoreSettingsGiven,
    StoreStats,
};

use super::{FrameError, Operation, ReplyHeader, RequestHeader, StoreDefinition, flags};
use crate::{Code, Error};

/// The operation of a request.
///
/// # Errors
/// `Unsupported` for one that this version does not know.
pub fn operation_of(header: &RequestHeader) -> Result<Operation, Error> {
    match Operation::try_from(header.operation) {
        Ok(Operation::Unspecified) | Err(_) => {
            let message = format!(
                "this node does not know operation {}: update it, or use an older client",
                header.operation
            );
            Err(Error::new(Code::Unsupported, message))
        }
        Ok(operation) => Ok(operation),
    }
}

impl RequestHeader {
    /// Whether a flag is set.
    #[must_use]
    #[inline]
    pub fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Splits a payload into key and value.
    ///
    /// # Errors
    /// [`FrameError::BeyondPayload`].
    #[inline]
    pub fn key_and_value<'a>(&self, payload: &'a [u8]) -> Result<(&'a [u8], &'a [u8]), FrameError> {
        payload
            .split_at_checked(self.key_length as usize)
            .ok_or(FrameError::BeyondPayload {
                what: "the key",
                length: self.key_length as usize,
                left: payload.len(),
            })
    }

    /// What must hold for a change.
    #[must_use]
    pub fn condition(&self) -> Condition {
        flags::condition(self.flags, self.version)
    }

    /// The expiry of a change.
    #[must_use]
    pub fn expiry(&self) -> Expiry {
        Expiry {
            ttl_ms: (self.ttl_ms != 0).then_some(self.ttl_ms),
            sliding_ms: (self.sliding_ms != 0).then_some(self.sliding_ms),
            // It says where the time to live comes from, and nothing without one.
            absolute_unix_ms: self.absolute_unix_ms.filter(|_| self.ttl_ms != 0),
        }
    }

    /// The keys that an operation on many is about; `end` is what follows the key.
    #[must_use]
    pub fn range<'a>(&self, key: &'a [u8], end: &'a [u8]) -> KeyRange<'a> {
        flags::range(self.flags, key, end)
    }

    /// The state's change, for an operation that changes one key; `None` for any other.
    #[must_use]
    pub fn change<'a>(&self, operation: Operation, key: &'a [u8], value: &'a [u8]) -> Option<Change<'a>> {
        Some(match operation {
            Operation::Put => Change::Put {
                key,
                value,
                expiry: self.expiry(),
                condition: self.condition(),
                never_evict: self.has(flags::NEVER_EVICT),
                return_previous: self.has(flags::RETURN_PREVIOUS),
            },
            Operation::Delete => Change::Delete {
                key,
                condition: self.condition(),
                return_previous: self.has(flags::RETURN_PREVIOUS),
            },
            Operation::Refresh => Change::Refresh { key },
            Operation::SetExpiry => Change::SetExpiry {
                key,
                expiry: self.expiry(),
                condition: self.condition(),
            },
            Operation::Increment => Change::Increment {
                key,
                delta: self.delta,
                minimum: self.minimum.unwrap_or(i64::MIN),
                maximum: self.maximum.unwrap_or(i64::MAX),
                initial: self.initial,
                expiry: self.expiry(),
                reset_expiry: self.has(flags::RESET_EXPIRY),
            },
            _ => return None,
        })
    }
}

impl Operation {
    /// Whether the operation may change entries: its retry needs a sequence number, and its outcome may be unknown.
    #[must_use]
    pub const fn is_change(self) -> bool {
        matches!(
            self,
            Operation::Put
                | Operation::Delete
                | Operation::Refresh
                | Operation::SetExpiry
                | Operation::Increment
                | Operation::Batch
                | Operation::Clear
                | Operation::AdvanceClock
        )
    }
}

impl ReplyHeader {
    /// Says that a request failed.
    #[cold]
    #[must_use]
    pub fn failure(error: &Error) -> ReplyHeader {
        let unknown = error.outcome == crate::Outcome::Unknown;
        ReplyHeader {
            code: error.code.number(),
            flags: if unknown { flags::OUTCOME_UNKNOWN } else { 0 },
            message: error.message.clone(),
            ..ReplyHeader::default()
        }
    }

    /// The error that the reply says, if it says one. A code of a later version is `Internal`, with its message.
    #[must_use]
    pub fn error(&self) -> Option<Error> {
        if self.code == 0 {
            return None;
        }
        Some(self.read_error())
    }

    #[cold]
    fn read_error(&self) -> Error {
        let unknown = self.flags & flags::OUTCOME_UNKNOWN != 0;
        Error {
            code: Code::from_number(self.code).unwrap_or(Code::Internal),
            message: self.message.clone(),
            outcome: if unknown {
                crate::Outcome::Unknown
            } else {
                crate::Outcome::NotApplied
            },
        }
    }
}

/// The reply to a change of one key, and the former entry whose value is its payload.
///
/// # Errors
/// What the state refused; `Internal` for an outcome that no change has.
#[inline]
pub fn outcome_reply(outcome: Outcome) -> Result<(ReplyHeader, Option<EntryRef>), Error> {
    let bit = |set: bool, flag: u32| if set { flag } else { 0 };
    match outcome {
        Outcome::Changed {
            applied,
            found,
            version,
            previous,
        } => {
            let header = ReplyHeader {
                flags: bit(applied, flags::APPLIED) | bit(found, flags::FOUND),
                version,
                ..ReplyHeader::default()
            };
            Ok((header, previous))
        }
        Outcome::Counter {
            before,
            after,
            version,
        } => {
            let header = ReplyHeader {
                flags: flags::APPLIED,
                version,
                number: after,
                previous: before,
                ..ReplyHeader::default()
            };
            Ok((header, None))
        }
        Outcome::Failed(error) => Err(Error::from(error)),
        other => {
            let message = format!("the state answered a change with {other:?}");
            Err(Error::new(Code::Internal, message))
        }
    }
}

impl StoreDefinition {
    /// What an opener gives.
    #[must_use]
    pub fn new(given: &StoreSettingsGiven, default_class: StoreClass, create: bool) -> StoreDefinition {
        // Destructured so that a new setting cannot be left out.
        let StoreSettingsGiven {
            class,
            max_memory,
            eviction,
            default_ttl_ms,
            max_value,
            hash_tags,
        } = *given;
        StoreDefinition {
            class: class.map(|class| super::StoreClass::from(class) as i32),
            max_memory,
            eviction: eviction.map(|eviction| match eviction {
                Eviction::None => super::Eviction::None as i32,
                Eviction::S3Fifo => super::Eviction::S3Fifo as i32,
            }),
            default_ttl_ms: default_ttl_ms.map(|ttl_ms| ttl_ms.unwrap_or(0)),
            max_value,
            hash_tags,
            default_class: super::StoreClass::from(default_class) as i32,
            create,
        }
    }

    /// The settings that were given, and the class of a store that is made without one.
    ///
    /// # Errors
    /// `Unsupported` for a class or eviction of a later version.
    pub fn given(&self) -> Result<(StoreSettingsGiven, StoreClass), Error> {
        let eviction = |number: i32| match super::Eviction::try_from(number) {
            Ok(super::Eviction::None) => Ok(Eviction::None),
            Ok(super::Eviction::S3Fifo) => Ok(Eviction::S3Fifo),
            Err(_) => Err(unknown("eviction", number)),
        };
        let given = StoreSettingsGiven {
            class: self.class.map(class_of).transpose()?,
            max_memory: self.max_memory,
            eviction: self.eviction.map(eviction).transpose()?,
            default_ttl_ms: self.default_ttl_ms.map(|ttl_ms| (ttl_ms != 0).then_some(ttl_ms)),
            max_value: self.max_value,
            hash_tags: self.hash_tags,
        };
        Ok((given, class_of(self.default_class)?))
    }
}

/// The state's class of this number.
///
/// # Errors
/// `Unsupported` for a class of a later version.
pub fn class_of(number: i32) -> Result<StoreClass, Error> {
    match super::StoreClass::try_from(number) {
        Ok(super::StoreClass::Coordination) => Ok(StoreClass::Coordination),
        Ok(super::StoreClass::Cache) => Ok(StoreClass::Cache),
        Err(_) => Err(unknown("class of store", number)),
    }
}

#[cold]
fn unknown(what: &str, number: i32) -> Error {
    Error::new(
        Code::Unsupported,
        format!("this version does not know {what} {number}: update it"),
    )
}

impl From<StoreClass> for super::StoreClass {
    fn from(class: StoreClass) -> Self {
        match class {
            StoreClass::Coordination => super::StoreClass::Coordination,
            StoreClass::Cache => super::StoreClass::Cache,
        }
    }
}

impl super::StoreStats {
    /// A store's counters and its budget.
    #[must_use]
    pub fn new(stats: &StoreStats, max_memory: u64) -> Self {
        let StoreStats {
            hits,
            misses,
            evictions,
            expirations,
            entries,
            bytes,
            changes,
        } = *stats;
        Self {
            hits,
            misses,
            evictions,
            expirations,
            entries,
            bytes,
            max_memory,
            changes,
        }
    }
}

/// 16 bytes of a message as a number; `None` when they are not 16.
#[must_use]
pub fn id_of(bytes: &Bytes) -> Option<u128> {
    bytes.as_ref().try_into().ok().map(u128::from_be_bytes)
}

/// A number of 128 bits as 16 bytes of a message.
#[must_use]
pub fn id_bytes(id: u128) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}
