//! An open store: every verb, with its arguments checked before anything is sent.

use std::sync::Arc;

use holdfast_proto::{Code, Error, change_refused};
use holdfast_state::{
    Change, EntryView, Expiry, KeyRange, MAX_TTL_MS, Outcome, Revision, StoreClass, StoreStats,
};

use crate::embedded::{EmbeddedStore, ScanPage, ScanRequest};
use crate::limits::{check_bounds, check_key, check_ttl, check_value};

/// A store that a client has opened.
pub struct Store {
    name: String,
    inner: Arc<dyn EmbeddedStore>,
    max_value: u32,
}

/// Expiry as a caller writes it: milliseconds, 0 for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct GivenExpiry {
    /// Time to live; with a sliding window it caps the sliding.
    pub ttl_ms: i64,
    /// Sliding window.
    pub sliding_ms: i64,
    /// The absolute moment that `ttl_ms` was computed from.
    pub absolute_unix_ms: i64,
    /// `IDistributedCache`'s rules: beyond 100 years is no deadline, the past is 1 ms.
    pub lenient: bool,
}

impl GivenExpiry {
    /// The state's form of it.
    ///
    /// # Errors
    /// `InvalidTtl`.
    #[inline]
    pub fn checked(&self) -> Result<Expiry, Error> {
        if self.ttl_ms == 0 && self.sliding_ms == 0 {
            return Ok(Expiry::NONE);
        }
        let part = |what, ms: i64| match ms {
            0 => Ok(None),
            ms if self.lenient && ms > MAX_TTL_MS as i64 => Ok(None),
            ms if self.lenient => Ok(Some(ms.max(1) as u64)),
            ms => check_ttl(what, ms).map(Some),
        };
        let ttl_ms = part("time to live", self.ttl_ms)?;
        Ok(Expiry {
            ttl_ms,
            sliding_ms: part("sliding window", self.sliding_ms)?,
            absolute_unix_ms: ttl_ms.and((self.absolute_unix_ms != 0).then_some(self.absolute_unix_ms)),
        })
    }
}

impl Store {
    pub(crate) fn new(name: String, inner: Arc<dyn EmbeddedStore>) -> Self {
        let settings = inner.settings();
        let max_value = settings.max_value;
        Self {
            name,
            inner,
            max_value,
        }
    }

    /// `tenant/name`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> StoreClass {
        self.inner.settings().class
    }

    /// Largest value in bytes.
    #[must_use]
    pub fn max_value(&self) -> u32 {
        self.max_value
    }

    /// The budget in bytes.
    #[must_use]
    pub fn max_memory(&self) -> u64 {
        self.inner.settings().max_memory
    }

    /// See [`EmbeddedStore::get`].
    ///
    /// # Errors
    /// `InvalidKey`, `KeyTooLarge`, and those of the read.
    #[inline]
    pub fn get(&self, key: &[u8], slide: bool, visit: &mut dyn FnMut(&EntryView<'_>)) -> Result<bool, Error> {
        check_key(key)?;
        self.inner.get(key, slide, visit)
    }

    /// See [`EmbeddedStore::get_many`].
    ///
    /// # Errors
    /// As `get`; one bad key refuses them all.
    pub fn get_many(
        &self,
        keys: &[&[u8]],
        visit: &mut dyn FnMut(usize, Option<&EntryView<'_>>),
    ) -> Result<(), Error> {
        keys.iter().try_for_each(|key| check_key(key))?;
        self.inner.get_many(keys, visit)
    }

    /// Checks a change and applies it.
    ///
    /// # Errors
    /// Those of the limits, and what the state refuses; nothing has changed then.
    pub fn change(&self, change: &Change<'_>) -> Result<Outcome, Error> {
        match change {
            Change::Put { key, value, .. } => {
                check_key(key)?;
                check_value(key, value.len(), self.max_value)?;
            }
            Change::Increment {
                key,
                minimum,
                maximum,
                ..
            } => {
                check_key(key)?;
                check_bounds(key, *minimum, *maximum)?;
            }
            Change::Delete { key, .. } | Change::SetExpiry { key, .. } | Change::Refresh { key } => {
                check_key(key)?;
            }
            _ => {
                return Err(Error::new(
                    Code::InvalidArgument,
                    "this change belongs to the node itself",
                ));
            }
        }
        match self.inner.change(change)? {
            Outcome::Failed(error) => Err(change_refused(
                &self.name,
                change.key().unwrap_or_default(),
                error,
            )),
            outcome => Ok(outcome),
        }
    }

    /// See [`EmbeddedStore::count`].
    ///
    /// # Errors
    /// Those of a read.
    pub fn count(&self, range: &KeyRange<'_>) -> Result<u64, Error> {
        self.inner.count(range)
    }

    /// See [`EmbeddedStore::clear`].
    ///
    /// # Errors
    /// Those of a read.
    pub fn clear(&self, range: &KeyRange<'_>) -> Result<(u64, Revision), Error> {
        self.inner.clear(range)
    }

    /// See [`EmbeddedStore::scan`].
    ///
    /// # Errors
    /// `InvalidCursor`, and those of a read.
    pub fn scan(&self, request: &ScanRequest<'_>) -> Result<ScanPage, Error> {
        self.inner.scan(request)
    }

    /// See [`EmbeddedStore::stats`].
    #[must_use]
    pub fn stats(&self) -> StoreStats {
        self.inner.stats()
    }
}
