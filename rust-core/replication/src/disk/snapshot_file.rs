//! A group's newest snapshot, in a file.
//!
//! ```text
//! magic 8 | cluster u128 | group u16 | meta length u32 | content length u64 | meta | checksum u64
//! then pieces of 1 MiB (the last one shorter): checksum u64 | content
//! ```
//! `N.again` is what a group starts again with, until that has taken the snapshot's place.
//! Little endian; checksums are XXH3-64. The meta says which moment of the group it is, in the words of who writes it; the
//! cluster is 0 for a node that is alone. The file appears under its name only when all of it is on disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use holdfast_state::GroupId;
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use super::{damaged, sync_directory};

const MAGIC: [u8; 8] = *b"HfSnap\x00\x01";
const FIXED: usize = 8 + 16 + 2 + 4 + 8;
const CHECKSUM: u64 = 8;
/// Bytes of a piece: what is checked, read and sent at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// Where a group's snapshots are.
pub(crate) struct SnapshotFiles {
    path: PathBuf,
    group: GroupId,
    cluster: u128,
    /// One is written at a time, and an older one never after a newer one.
    writing: Mutex<()>,
}

/// A snapshot's file, open: it can be read also when a newer one has taken its name.
pub(crate) struct SnapshotFile {
    file: File,
    /// Where the first piece begins.
    begin: u64,
    length: u64,
}

impl SnapshotFiles {
    pub(crate) fn new(directory: &Path, group: GroupId, cluster: u128) -> Self {
        Self {
            path: directory.join("snapshots").join(group.0.to_string()),
            group,
            cluster,
            writing: Mutex::new(()),
        }
    }

    /// Where the snapshot is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a snapshot in place of the one before, unless that one's meta says that it is as new.
    ///
    /// # Errors
    /// A piece could not be made, or the disk refuses; the one before stays.
    pub(crate) fn write(
        &self,
        meta: &[u8],
        is_as_new: impl FnOnce(&[u8]) -> io::Result<bool>,
        pieces: impl Iterator<Item = io::Result<Bytes>>,
    ) -> io::Result<()> {
        let _writing = self.writing.lock();
        if let Some((before, _)) = self.newest()?
            && is_as_new(&before)?
        {
            return Ok(());
        }
        let unfinished = self.path.with_extension("unfinished");
        let mut file = BufWriter::new(File::create(&unfinished)?);
        file.write_all(&self.header(meta, 0))?;
        let mut length = 0;
        let mut gathered = BytesMut::with_capacity(PIECE_BYTES);
        for piece in pieces {
            let mut piece = piece?;
            while !piece.is_empty() {
                let taken = piece.split_to(piece.len().min(PIECE_BYTES - gathered.len()));
                gathered.extend_from_slice(&taken);
                if gathered.len() == PIECE_BYTES {
                    length += write_piece(&mut file, &mut gathered)?;
                }
            }
        }
        if !gathered.is_empty() {
            length += write_piece(&mut file, &mut gathered)?;
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&self.header(meta, length))?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(&unfinished, &self.path)?;
        self.sync()
    }

    fn sync(&self) -> io::Result<()> {
        self.path.parent().map_or(Ok(()), sync_directory)
    }

    fn header(&self, meta: &[u8], length: u64) -> Vec<u8> {
        let mut header = Vec::with_capacity(FIXED + meta.len() + 8);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&self.cluster.to_le_bytes());
        header.extend_from_slice(&self.group.0.to_le_bytes());
        header.extend_from_slice(&u32::try_from(meta.len()).unwrap_or(u32::MAX).to_le_bytes());
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(meta);
        let checksum = xxh3_64(&header);
        header.extend_from_slice(&checksum.to_le_bytes());
        header
    }

    /// The snapshot there is, behind its meta.
    ///
    /// # Errors
    /// Its header is damaged, of an unknown format, or another cluster's or group's.
    pub(crate) fn newest(&self) -> io::Result<Option<(Bytes, SnapshotFile)>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut fixed = [0; FIXED];
        file.read_exact(&mut fixed)
            .map_err(|_| damaged("a snapshot is too short"))?;
        let meta_length = u32::from_le_bytes([fixed[26], fixed[27], fixed[28], fixed[29]]);
        if fixed[..8] != MAGIC || u64::from(meta_length) > file.metadata()?.len() {
            return Err(damaged("a snapshot is not of a format of this build"));
        }
        let mut rest = vec![0; meta_length as usize + 8];
        file.read_exact(&mut rest)
            .map_err(|_| damaged("a snapshot is too short"))?;
        let length = u64::from_le_bytes(fixed[30..].try_into().map_err(damaged)?);
        let mut expected = fixed.to_vec();
        expected.extend_from_slice(&rest[..meta_length as usize]);
        if xxh3_64(&expected).to_le_bytes()[..] != rest[meta_length as usize..] {
            return Err(damaged("a snapshot's checksum does not fit"));
        }
        if fixed[8..24] != self.cluster.to_le_bytes() || fixed[24..26] != self.group.0.to_le_bytes() {
            return Err(damaged("a snapshot is of another cluster or group"));
        }
        let begin = (FIXED + rest.len()) as u64;
        rest.truncate(meta_length as usize);
        let meta = Bytes::from(rest);
        Ok(Some((meta, SnapshotFile { file, begin, length })))
    }

    /// Another snapshot of the group, kept beside this one.
    #[cfg(feature = "disk")]
    pub(crate) fn beside(&self) -> SnapshotFiles {
        Self {
            path: self.path.with_extension("again"),
            group: self.group,
            cluster: self.cluster,
            writing: Mutex::new(()),
        }
    }

    /// Puts the one beside in this one's place.
    #[cfg(feature = "disk")]
    pub(crate) fn take_beside(&self) -> io::Result<()> {
        let _writing = self.writing.lock();
        fs::rename(self.beside().path, &self.path)?;
        self.sync()
    }

    /// Removes the snapshot.
    #[cfg(feature = "disk")]
    pub(crate) fn forget(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }
}

impl SnapshotFile {
    /// Bytes of the state.
    #[cfg(feature = "disk")]
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The rest of the piece that an offset lies in, and whether it is the last.
    pub(crate) fn piece_at(&mut self, offset: u64) -> io::Result<(Bytes, bool)> {
        let size = PIECE_BYTES as u64;
        let number = offset / size;
        let end = ((number + 1) * size).min(self.length);
        if offset >= end {
            return Ok((Bytes::new(), true));
        }
        self.file
            .seek(SeekFrom::Start(self.begin + number * (size + CHECKSUM)))?;
        let mut checksum = [0; CHECKSUM as usize];
        let mut content = vec![0; usize::try_from(end - number * size).map_err(damaged)?];
        self.file
            .read_exact(&mut checksum)
            .map_err(|_| damaged("a snapshot is too short"))?;
        self.file
            .read_exact(&mut content)
            .map_err(|_| damaged("a snapshot is too short"))?;
        if xxh3_64(&content).to_le_bytes() != checksum {
            return Err(damaged("a snapshot's checksum does not fit"));
        }
        let skipped = usize::try_from(offset - number * size).map_err(damaged)?;
        Ok((Bytes::from(content).slice(skipped..), end == self.length))
    }

    pub(crate) fn read_all(mut self) -> io::Result<Vec<Bytes>> {
        let mut pieces = Vec::new();
        let mut offset = 0;
        loop {
            let (piece, last) = self.piece_at(offset)?;
            offset += piece.len() as u64;
            pieces.push(piece);
            if last {
                return Ok(pieces);
            }
        }
    }
}

fn write_piece(file: &mut impl Write, gathered: &mut BytesMut) -> io::Result<u64> {
    file.write_all(&xxh3_64(gathered).to_le_bytes())?;
    file.write_all(gathered)?;
    let length = gathered.len() as u64;
    gathered.clear();
    Ok(length)
}
