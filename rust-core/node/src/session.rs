//! A client's session as a node knows it: opened in each group when it first changes something there.

use std::sync::OnceLock;

use holdfast_replication::GroupFailed;
use holdfast_state::SessionHandle;

use crate::node::GROUPS;

/// What names one change of a session, see [`holdfast_state::SessionTag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChangeNumbers {
    /// The change's number, from 1.
    pub sequence: u64,
    /// The session has seen the outcomes of all changes before this one.
    pub first_unacknowledged: u64,
}

/// One session. After its first change in a group, finding its record there costs one load.
#[derive(Debug)]
pub struct NodeSession {
    id: u128,
    groups: [OnceLock<SessionHandle>; GROUPS],
}

impl NodeSession {
    /// A session that is open nowhere yet.
    #[must_use]
    pub fn new(id: u128) -> Self {
        Self {
            id,
            groups: [const { OnceLock::new() }; GROUPS],
        }
    }

    /// Its id, a secret of the client.
    #[must_use]
    pub fn id(&self) -> u128 {
        self.id
    }

    pub(crate) fn is_open_in(&self, group: usize) -> bool {
        self.groups[group].get().is_some()
    }

    #[inline]
    pub(crate) fn in_group(
        &self,
        group: usize,
        open: impl FnOnce() -> Result<SessionHandle, GroupFailed>,
    ) -> Result<&SessionHandle, GroupFailed> {
        match self.groups[group].get() {
            Some(handle) => Ok(handle),
            None => {
                let handle = open()?;
                Ok(self.groups[group].get_or_init(|| handle))
            }
        }
    }
}
