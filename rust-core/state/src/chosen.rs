//! The entries that a leader's own command is about: as it holds them, or as the log has them.
//!
//! The log names an entry by key and version. Where it is applied, an entry that is not that version
//! any more is passed by.

use std::fmt;

use crate::codec::{Reader, SnapshotError, Writer, malformed};
use crate::entry::EntryRef;
use crate::settings::Revision;
use crate::time::Timestamp;

/// An entry that reads have kept alive.
#[derive(Clone, Debug)]
pub struct TouchedEntry {
    /// The entry; only this version is touched.
    pub entry: EntryRef,
    /// The last access.
    pub access_at: Timestamp,
}

/// Names one version of a key's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyVersion<'a> {
    /// The key.
    pub key: &'a [u8],
    /// The entry's version.
    pub version: Revision,
}

/// The entries of an [`crate::Change::Evict`].
#[derive(Clone, Copy)]
pub struct Victims<'a>(List<'a, EntryRef>);

/// The entries of a [`crate::Change::Touch`], each with its access.
#[derive(Clone, Copy)]
pub struct Touches<'a>(List<'a, TouchedEntry>);

enum List<'a, T> {
    Held(&'a [T]),
    /// Checked when it was made: it holds that many items and nothing else.
    Logged {
        count: u32,
        bytes: &'a [u8],
    },
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

/// Bytes of the smallest item in a log.
const SMALLEST_ITEM: usize = 12;

impl<'a, T> List<'a, T> {
    fn len(&self) -> usize {
        match self {
            List::Held(items) => items.len(),
            List::Logged { count, .. } => *count as usize,
        }
    }

    /// The items, `held` or read from the log.
    fn items<I: 'a>(
        self,
        held: impl Fn(&'a T) -> I,
        read: impl Fn(&mut Reader<'a>) -> Result<I, SnapshotError>,
    ) -> impl Iterator<Item = I> {
        let (items, bytes) = match self {
            List::Held(items) => (items, &[][..]),
            List::Logged { bytes, .. } => (&[][..], bytes),
        };
        let mut input = Reader::new(bytes);
        let logged = std::iter::from_fn(move || {
            let more = !input.rest().is_empty();
            more.then(|| read(&mut input).expect("checked when it was made"))
        });
        items.iter().map(held).chain(logged)
    }

    /// Takes the list out of a log, if it is one.
    fn take<I>(
        input: &mut Reader<'a>,
        read: impl Fn(&mut Reader<'a>) -> Result<I, SnapshotError>,
    ) -> Result<List<'a, T>, SnapshotError> {
        let count = input.u32()?;
        if count as usize > input.room_for(SMALLEST_ITEM) {
            return Err(malformed("fewer entries follow than are announced"));
        }
        let bytes = input.rest();
        for _ in 0..count {
            read(input)?;
        }
        let length = bytes.len() - input.rest().len();
        Ok(List::Logged {
            count,
            bytes: &bytes[..length],
        })
    }
}

impl<'a> Victims<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries, in the order in which they were chosen.
    pub fn iter(&self) -> impl Iterator<Item = KeyVersion<'a>> + use<'a> {
        self.0.items(named, read_named)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u32(u32::try_from(self.len()).expect("a command's entries are bounded"));
        self.iter().for_each(|victim| write_named(out, &victim));
    }

    pub(crate) fn read(input: &mut Reader<'a>) -> Result<Victims<'a>, SnapshotError> {
        List::take(input, read_named).map(Victims)
    }
}

impl<'a> From<&'a [EntryRef]> for Victims<'a> {
    fn from(entries: &'a [EntryRef]) -> Victims<'a> {
        Victims(List::Held(entries))
    }
}

impl<'a> Touches<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each entry and its last access.
    pub fn iter(&self) -> impl Iterator<Item = (KeyVersion<'a>, Timestamp)> + use<'a> {
        self.0
            .items(|touched| (named(&touched.entry), touched.access_at), read_touched)
    }

    pub(crate) fn write(&self, out: &mut Writer) {
        out.u32(u32::try_from(self.len()).expect("a command's entries are bounded"));
        for (touched, access_at) in self.iter() {
            write_named(out, &touched);
            out.i64(access_at.0);
        }
    }

    pub(crate) fn read(input: &mut Reader<'a>) -> Result<Touches<'a>, SnapshotError> {
        List::take(input, read_touched).map(Touches)
    }
}

impl<'a> From<&'a [TouchedEntry]> for Touches<'a> {
    fn from(entries: &'a [TouchedEntry]) -> Touches<'a> {
        Touches(List::Held(entries))
    }
}

impl fmt::Debug for Victims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for Touches<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

fn named(entry: &EntryRef) -> KeyVersion<'_> {
    KeyVersion {
        key: entry.key(),
        version: entry.version(),
    }
}

fn write_named(out: &mut Writer, named: &KeyVersion<'_>) {
    out.bytes(named.key);
    out.i64(named.version);
}

fn read_named<'a>(input: &mut Reader<'a>) -> Result<KeyVersion<'a>, SnapshotError> {
    Ok(KeyVersion {
        key: input.bytes()?,
        version: input.i64()?,
    })
}

fn read_touched<'a>(input: &mut Reader<'a>) -> Result<(KeyVersion<'a>, Timestamp), SnapshotError> {
    Ok((read_named(input)?, Timestamp(input.i64()?)))
}
