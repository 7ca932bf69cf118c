//! Why a request gets no ordinary answer.

use holdfast_proto::session::FrameError;
use holdfast_proto::{Code, Error};

use crate::store::{NodeError, NodeStore};

/// What came instead of an answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The request is refused; the connection goes on.
    Refused(Error),
    /// What came is not of this protocol; the connection ends.
    Broken(FrameError),
}

impl Failure {
    #[cold]
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Failure {
        Failure::Refused(Error::new(code, message))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Refused(error)
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        Failure::Broken(error)
    }
}

/// The node's error as a client gets it.
#[cold]
pub(crate) fn node_error(failed: NodeError) -> Error {
    Error::from(failed)
}

/// The node's error about a store: a defect names it.
#[cold]
pub(crate) fn store_error(store: &NodeStore, failed: NodeError) -> Error {
    let is_defect = !matches!(failed, NodeError::State(_));
    let mut error = node_error(failed);
    if is_defect {
        error.message = format!("store '{}': {}", store.name(), error.message);
    }
    error
}
