//! A state on its way from one replica to another.

use std::io;

use bytes::{Bytes, BytesMut};

use super::machine::SnapshotView;

/// Bytes that travel in one message.
pub(crate) const PIECE_BYTES: usize = 1024 * 1024;

/// What openraft carries around as a snapshot.
pub(crate) enum SnapshotBody {
    /// This replica's own state, encoded while it is sent.
    View(SnapshotView),
    /// Received from a leader.
    Pieces(Vec<Bytes>),
    /// Kept on disk.
    #[cfg(feature = "disk")]
    File(crate::disk::SnapshotFile),
}

impl SnapshotBody {
    /// To be sent.
    pub(crate) fn into_source(self) -> SnapshotSource {
        match self {
            SnapshotBody::View(view) => SnapshotSource::View {
                view,
                rest: Bytes::new(),
                offset: 0,
            },
            SnapshotBody::Pieces(pieces) => SnapshotSource::View {
                view: SnapshotView::new(pieces.into_iter().map(Ok)),
                rest: Bytes::new(),
                offset: 0,
            },
            #[cfg(feature = "disk")]
            SnapshotBody::File(file) => SnapshotSource::File(file),
        }
    }

    /// All of it, for the machine.
    pub(crate) fn into_pieces(self) -> io::Result<Vec<Bytes>> {
        match self {
            SnapshotBody::View(view) => view.map(|piece| piece.map_err(io::Error::from)).collect(),
            SnapshotBody::Pieces(pieces) => Ok(pieces),
            #[cfg(feature = "disk")]
            SnapshotBody::File(file) => file.read_all(),
        }
    }
}

/// Where the pieces to send come from.
pub(crate) enum SnapshotSource {
    /// Pieces are made in order, each once.
    View {
        view: SnapshotView,
        rest: Bytes,
        offset: u64,
    },
    /// Any piece, any time.
    #[cfg(feature = "disk")]
    File(crate::disk::SnapshotFile),
}

impl SnapshotSource {
    pub(crate) fn resumable(&self) -> bool {
        match self {
            SnapshotSource::View { .. } => false,
            #[cfg(feature = "disk")]
            SnapshotSource::File(_) => true,
        }
    }

    /// Bytes of all of it, where that is known before the end.
    pub(crate) fn length(&self) -> u64 {
        match self {
            SnapshotSource::View { .. } => 0,
            #[cfg(feature = "disk")]
            SnapshotSource::File(file) => file.length(),
        }
    }

    /// The piece from an offset on, and whether it is the last.
    ///
    /// # Errors
    /// Encoding or reading failed, or the offset has passed.
    pub(crate) fn piece_at(&mut self, at: u64) -> io::Result<(Bytes, bool)> {
        match self {
            SnapshotSource::View { view, rest, offset } => {
                if at != *offset {
                    return Err(io::Error::other("a snapshot made while it is sent has one order"));
                }
                let (piece, last) = next_piece(view, rest)?;
                *offset += piece.len() as u64;
                Ok((piece, last))
            }
            #[cfg(feature = "disk")]
            SnapshotSource::File(file) => file.piece_at(at),
        }
    }
}

/// Cuts or joins what the view gives into pieces of one size.
fn next_piece(view: &mut SnapshotView, rest: &mut Bytes) -> io::Result<(Bytes, bool)> {
    let mut gathered = BytesMut::new();
    loop {
        if rest.is_empty() {
            match view.next() {
                Some(piece) => *rest = piece?,
                None => return Ok((gathered.freeze(), true)),
            }
        }
        let room = PIECE_BYTES - gathered.len();
        if gathered.is_empty() && rest.len() >= room {
            return Ok((rest.split_to(room), false));
        }
        gathered.extend_from_slice(&rest.split_to(room.min(rest.len())));
        if gathered.len() == PIECE_BYTES {
            return Ok((gathered.freeze(), false));
        }
    }
}
