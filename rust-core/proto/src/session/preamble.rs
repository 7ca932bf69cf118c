//! The first 8 bytes of either side: `HLDF`, oldest and newest protocol version (u16, little-endian). They never change,
//! so that a peer of any version can say which ones it speaks.

use super::{FrameError, MAGIC, NEWEST_VERSION, OLDEST_VERSION};

/// What a peer says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preamble {
    /// Oldest version that it speaks.
    pub oldest: u16,
    /// Newest version that it speaks.
    pub newest: u16,
}

impl Preamble {
    /// Its length in bytes.
    pub const LENGTH: usize = 8;

    /// This build's own.
    pub const OWN: Preamble = Preamble {
        oldest: OLDEST_VERSION,
        newest: NEWEST_VERSION,
    };

    /// `HLDF`, oldest, newest.
    #[must_use]
    pub fn encode(self) -> [u8; Self::LENGTH] {
        let [a, b, c, d] = MAGIC;
        let ([e, f], [g, h]) = (self.oldest.to_le_bytes(), self.newest.to_le_bytes());
        [a, b, c, d, e, f, g, h]
    }

    /// Reads a peer's.
    ///
    /// # Errors
    /// [`FrameError::NotASession`].
    pub fn decode(bytes: [u8; Self::LENGTH]) -> Result<Preamble, FrameError> {
        let [a, b, c, d, e, f, g, h] = bytes;
        if [a, b, c, d] != MAGIC {
            return Err(FrameError::NotASession([a, b, c, d]));
        }
        Ok(Preamble {
            oldest: u16::from_le_bytes([e, f]),
            newest: u16::from_le_bytes([g, h]),
        })
    }
}

/// The newest version that both sides speak.
///
/// # Errors
/// One sentence for people that names both sides' versions and what to do.
pub fn agreed_version(peer: Preamble) -> Result<u16, String> {
    let newest = NEWEST_VERSION.min(peer.newest);
    if newest >= OLDEST_VERSION.max(peer.oldest) {
        return Ok(newest);
    }
    let Preamble { oldest, newest } = peer;
    let remedy = if peer.newest < OLDEST_VERSION {
        "update the peer"
    } else {
        "update this side"
    };
    Err(format!(
        "the peer speaks versions {oldest} to {newest} of the session protocol, this side {OLDEST_VERSION} to \
         {NEWEST_VERSION}: {remedy}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preamble_reads_back_and_anything_else_is_no_session() {
        assert_eq!(Preamble::decode(Preamble::OWN.encode()), Ok(Preamble::OWN));
        assert_eq!(
            Preamble::decode(*b"PRI * HT"),
            Err(FrameError::NotASession(*b"PRI "))
        );
    }

    #[test]
    fn a_peer_that_is_too_old_or_too_new_is_told_which_side_to_update() {
        assert_eq!(
            agreed_version(Preamble { oldest: 1, newest: 9 }),
            Ok(NEWEST_VERSION)
        );
        let old = agreed_version(Preamble { oldest: 0, newest: 0 }).unwrap_err();
        assert!(old.ends_with("update the peer"), "{old}");
        let new = agreed_version(Preamble { oldest: 7, newest: 9 }).unwrap_err();
        assert!(
            new.contains("versions 7 to 9") && new.ends_with("update this side"),
            "{new}"
        );
    }
}
