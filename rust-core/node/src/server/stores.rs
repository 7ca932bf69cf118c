//! The stores of one connection's requests.

use std::sync::Arc;

use holdfast_proto::session::{
    Operation, ReplyHeader, RequestHeader, StoreClass, StoreDefinition, StoreDescription,
};
use holdfast_proto::{Code, Error, full_store_name, resolve_store};
use holdfast_state::StoreId;

use super::failure::node_error;
use super::hooks::Identity;
use super::shared::Shared;
use crate::Node;
use crate::store::{NodeError, NodeStore};

/// Stores that a connection finds without asking the node.
const MOST: usize = 64;

/// The stores that a connection has used, the last one first.
#[derive(Default)]
pub(crate) struct Stores {
    used: Vec<Arc<NodeStore>>,
}

impl Stores {
    /// The store with this id.
    ///
    /// # Errors
    /// `StoreNotFound`.
    #[inline]
    pub(crate) fn find(&mut self, node: &Node, id: u32) -> Result<&Arc<NodeStore>, Error> {
        if self.used.first().is_none_or(|store| store.id().0 != id) {
            self.bring_first(node, id)?;
        }
        Ok(&self.used[0])
    }

    fn bring_first(&mut self, node: &Node, id: u32) -> Result<(), Error> {
        if let Some(place) = self.used.iter().position(|store| store.id().0 == id) {
            self.used.swap(0, place);
            return Ok(());
        }
        let store = node.store(StoreId(id)).ok_or_else(|| {
            let message = format!("the node has no store with id {id}: open it by its name first");
            Error::new(Code::StoreNotFound, message)
        })?;
        if self.used.len() == MOST {
            self.used.pop();
        }
        self.used.push(store);
        let last = self.used.len() - 1;
        self.used.swap(0, last);
        Ok(())
    }
}

/// Opens the store that a request names and describes.
///
/// # Errors
/// `InvalidArgument` for a bad name, `StoreNotFound`, `StoreConflict`, `InvalidSetting`, `Unsupported`.
pub(crate) fn open(
    shared: &Shared,
    identity: &Identity,
    header: &RequestHeader,
    key: &[u8],
) -> Result<ReplyHeader, Error> {
    let node = shared.node();
    let name = full_store_name(key, &identity.tenant)?;
    let (tenant, own_name) = name.split_once('/').unwrap_or(("", &name));
    let operation = Operation::OpenStore;
    let options = shared.options();
    options.permissions.check(identity, tenant, own_name, operation)?;
    options.quotas.admit(tenant, own_name, operation, 0)?;
    let definition = header.definition.unwrap_or(StoreDefinition {
        default_class: StoreClass::Coordination as i32,
        ..StoreDefinition::default()
    });
    if !definition.create && !node.has_store(&name) {
        let message = format!("store '{name}' does not exist and auto-create-stores is off");
        return Err(Error::new(Code::StoreNotFound, message));
    }
    let (given, default_class) = definition.given()?;
    let settings = resolve_store(&given, default_class, shared.available(), node.memory_limit())?;
    let store = node
        .define_store(&name, &given, &settings)
        .map_err(|failed| named(&name, failed))?;
    Ok(ReplyHeader {
        store: Some(describe(&store)),
        ..ReplyHeader::default()
    })
}

#[cold]
fn named(name: &str, failed: NodeError) -> Error {
    let mut error = node_error(failed);
    error.message = format!("store '{name}': {}", error.message);
    error
}

fn describe(store: &NodeStore) -> StoreDescription {
    let settings = store.settings();
    StoreDescription {
        id: store.id().0,
        name: store.name().to_owned(),
        class: StoreClass::from(settings.class) as i32,
        max_memory: settings.max_memory,
        max_value: settings.max_value,
        hash_tags: settings.hash_tags,
    }
}
