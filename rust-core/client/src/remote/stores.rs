//! The stores that clients of a connection use: names and settings here, ids at the node.

use std::sync::Arc;

use holdfast_proto::session::{Operation, RequestHeader, StoreDefinition};

/// A store as it was opened; the same name with other settings is another entry.
#[derive(Debug)]
pub(super) struct StoreEntry {
    /// `tenant/name`.
    pub(super) name: Arc<str>,
    pub(super) definition: StoreDefinition,
    /// The node's id, while its incarnation lasts.
    pub(super) id: Option<u32>,
    /// The id is being asked for.
    pub(super) opening: bool,
    /// Largest value in bytes, once a node said it.
    pub(super) max_value: Option<u32>,
}

impl StoreEntry {
    /// What asks for the id; the payload is the name.
    pub(super) fn open_request(&self) -> RequestHeader {
        RequestHeader {
            operation: Operation::OpenStore as i32,
            definition: Some(self.definition),
            key_length: self.name.len() as u32,
            ..RequestHeader::default()
        }
    }
}
