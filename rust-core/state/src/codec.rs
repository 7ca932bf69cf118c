//! Bytes of snapshots and log entries: little endian, lengths before contents, checked on the way back.

use xxhash_rust::xxh3::xxh3_64;

/// Why a snapshot was refused. Nothing of it has been used then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Written in a format that this build does not know.
    #[error("format {found} is not one of this build (up to {newest})")]
    UnknownFormat {
        /// The format's number.
        found: u16,
        /// The newest one known here.
        newest: u16,
    },
    /// The checksum does not fit the bytes.
    #[error("the checksum does not fit: the bytes were changed or cut")]
    Damaged,
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// The bytes say something that no state can be.
    #[error("not a state: {0}")]
    Malformed(String),
    /// It is another kind of group's, or needs a newer build.
    #[error("not for this machine: {0}")]
    Unfit(&'static str),
}

/// The checksum's length, at the end.
pub(crate) const CHECKSUM: usize = 8;

/// Writes.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Writer {
        Writer {
            bytes: Vec::with_capacity(bytes),
        }
    }

    /// Goes on behind `bytes`.
    pub(crate) fn behind(bytes: Vec<u8>) -> Writer {
        Writer { bytes }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Overwrites a number that was written at this place before it was known.
    pub(crate) fn set_u32(&mut self, place: usize, value: u32) {
        self.bytes[place..place + size_of::<u32>()].copy_from_slice(&value.to_le_bytes());
    }

    /// All bytes, without a checksum.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u128(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Up to 2^32 - 1 bytes, behind their length.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.u32(u32::try_from(value.len()).expect("names, keys and values are bounded"));
        self.bytes.extend_from_slice(value);
    }

    pub(crate) fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Writer, T)) {
        self.bool(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// What was written so far.
    pub(crate) fn written(&self) -> &[u8] {
        &self.bytes
    }

    /// Puts the checksum behind and gives all bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let checksum = xxh3_64(&self.bytes);
        self.u64(checksum);
        self.bytes
    }
}

/// Reads what a [`Writer`] wrote, or anything.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the format, which comes first whatever the format, and then the checksum.
    pub(crate) fn open(bytes: &'a [u8], newest: u16) -> Result<Reader<'a>, SnapshotError> {
        Reader::new(bytes).format(newest)?;
        let (content, checksum) = bytes
            .split_last_chunk::<CHECKSUM>()
            .ok_or(SnapshotError::Truncated)?;
        if xxh3_64(content) != u64::from_le_bytes(*checksum) {
            return Err(SnapshotError::Damaged);
        }
        Ok(Reader {
            rest: &content[size_of::<u16>()..],
        })
    }

    /// Bytes without format and checksum, a part of something that had them.
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    /// The format's number, which comes first whatever the format.
    pub(crate) fn format(&mut self, newest: u16) -> Result<u16, SnapshotError> {
        let found = self.u16()?;
        if found == 0 || found > newest {
            return Err(SnapshotError::UnknownFormat { found, newest });
        }
        Ok(found)
    }

    /// What is still to be read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], SnapshotError> {
        let (chunk, rest) = self.rest.split_first_chunk().ok_or(SnapshotError::Truncated)?;
        self.rest = rest;
        Ok(*chunk)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, SnapshotError> {
        Ok(self.chunk::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, SnapshotError> {
        Ok(u16::from_le_bytes(self.chunk()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, SnapshotError> {
        Ok(u32::from_le_bytes(self.chunk()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, SnapshotError> {
        Ok(u64::from_le_bytes(self.chunk()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128, SnapshotError> {
        Ok(u128::from_le_bytes(self.chunk()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, SnapshotError> {
        Ok(i64::from_le_bytes(self.chunk()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, SnapshotError> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(malformed(format!("{other} is not a truth value"))),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], SnapshotError> {
        self.bytes_up_to(u32::MAX as usize)
    }

    /// Bytes behind their length, which is refused before they are there when it is beyond `limit`.
    pub(crate) fn bytes_up_to(&mut self, limit: usize) -> Result<&'a [u8], SnapshotError> {
        let length = self.u32()? as usize;
        if length > limit {
            return Err(malformed(format!("{length} bytes, where {limit} are the most")));
        }
        let (bytes, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or(SnapshotError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, SnapshotError> {
        self.text_up_to(u32::MAX as usize)
    }

    pub(crate) fn text_up_to(&mut self, limit: usize) -> Result<&'a str, SnapshotError> {
        std::str::from_utf8(self.bytes_up_to(limit)?).map_err(|_| malformed("a name is not text"))
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Reader<'a>) -> Result<T, SnapshotError>,
    ) -> Result<Option<T>, SnapshotError> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Ok(None)
        }
    }

    /// A list behind its length; `size` is the least that one item takes.
    pub(crate) fn list<T>(
        &mut self,
        size: usize,
        read: impl Fn(&mut Reader<'a>) -> Result<T, SnapshotError>,
    ) -> Result<Vec<T>, SnapshotError> {
        let count = self.u32()? as usize;
        if count > self.room_for(size) {
            return Err(SnapshotError::Truncated);
        }
        (0..count).map(|_| read(self)).collect()
    }

    /// How many things of at least `size` bytes can still follow: bounds what is reserved.
    pub(crate) fn room_for(&self, size: usize) -> usize {
        self.rest.len() / size
    }

    /// Nothing may be left.
    pub(crate) fn end(&self) -> Result<(), SnapshotError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(malformed(format!("{} bytes too many", self.rest.len())))
    }
}

pub(crate) fn malformed(what: impl Into<String>) -> SnapshotError {
    SnapshotError::Malformed(what.into())
}
