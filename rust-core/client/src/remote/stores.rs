//! The stores that clients of a connection use: names and settings here, ids at the node.

use std::sync::Arc;

use holdfast_proto::session::{Operation, RequestHeader, StoreDefinition, StoreDescription, class_of};
use holdfast_state::StoreClass;

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
    /// Goes with the id.
    pub(super) class: StoreClass,
    /// The same.
    pub(super) hash_tags: bool,
}

impl StoreEntry {
    pub(super) fn new(name: &str, definition: StoreDefinition) -> StoreEntry {
        StoreEntry {
            name: name.into(),
            definition,
            id: None,
            opening: false,
            max_value: None,
            class: StoreClass::Coordination,
            hash_tags: false,
        }
    }

    /// A node has said what the store is.
    pub(super) fn opened(&mut self, store: &StoreDescription) {
        self.id = Some(store.id);
        self.max_value = Some(store.max_value).filter(|&most| most != 0);
        self.class = class_of(store.class).unwrap_or(StoreClass::Coordination);
        self.hash_tags = store.hash_tags;
        self.opening = false;
    }

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
