//! A client of a node inside the process, and the stores that it has opened.

use std::sync::Arc;

use arc_swap::ArcSwap;
use holdfast_proto::{Code, Error};
use parking_lot::Mutex;

use crate::connection_string::{ConnectionString, parse_store_name};
use crate::embedded::{EmbeddedHost, EmbeddedNode};
use crate::settings::{Settings, StoreSettings};
use crate::store::Store;

/// One client of one node of this process. Any number of threads may use it at once.
pub struct EmbeddedClient {
    node: Arc<dyn EmbeddedNode>,
    settings: Settings,
    tenant: String,
    /// The connection string's store; kept apart from the others because nearly all requests go to it.
    first: Store,
    /// The further stores, by id − 1. Grows only.
    others: ArcSwap<Vec<Arc<Store>>>,
    opening: Mutex<()>,
}

impl EmbeddedClient {
    /// Opens a client of the node and the store that a connection string describes.
    ///
    /// # Errors
    /// Those of opening the node and the store.
    pub fn open(described: ConnectionString, host: &dyn EmbeddedHost) -> Result<Self, Error> {
        let ConnectionString {
            tenant,
            store,
            settings,
            ..
        } = described;
        let node = host.open(&settings.node)?;
        let create = settings.client.auto_create_stores_or_default();
        let default_class = settings.client.default_class_or_default();
        let name = format!("{tenant}/{store}");
        let opened = node.open_store(&name, &settings.store, default_class, create)?;
        Ok(Self {
            node,
            settings,
            tenant,
            first: Store::new(name, opened),
            others: ArcSwap::default(),
            opening: Mutex::default(),
        })
    }

    /// What this client was opened with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The node that it talks to.
    #[must_use]
    pub fn node(&self) -> &Arc<dyn EmbeddedNode> {
        &self.node
    }

    /// Opens a further store, `name` in the client's tenant or `tenant/name`, and returns its id for
    /// [`EmbeddedClient::with_store`]; a store that is open already keeps its id.
    ///
    /// # Errors
    /// `StoreNotFound`, `StoreConflict`, `InvalidSetting`, `InvalidArgument` for a bad name.
    pub fn open_store(&self, name: &str, given: &StoreSettings) -> Result<u32, Error> {
        let name = self.full_name(name)?;
        let create = self.settings.client.auto_create_stores_or_default();
        let opened = self.node.open_store(
            &name,
            given,
            given
                .default_class
                .unwrap_or_else(|| self.settings.client.default_class_or_default()),
            create,
        )?;
        if name == self.first.name() {
            return Ok(0);
        }
        let _opening = self.opening.lock();
        let others = self.others.load();
        let index = match others.iter().position(|store| store.name() == name) {
            Some(index) => index,
            None => {
                let mut grown = others.to_vec();
                grown.push(Arc::new(Store::new(name, opened)));
                self.others.store(Arc::new(grown));
                others.len()
            }
        };
        u32::try_from(index + 1)
            .map_err(|_| Error::new(Code::ResourceExhausted, "the client has too many open stores"))
    }

    /// Runs `with` on an open store.
    ///
    /// # Errors
    /// `InvalidArgument` for an id that this client never returned, and those of `with`.
    pub fn with_store<R>(&self, id: u32, with: impl FnOnce(&Store) -> Result<R, Error>) -> Result<R, Error> {
        if id == 0 {
            return with(&self.first);
        }
        match self.others.load().get(id as usize - 1) {
            Some(store) => with(store),
            None => Err(Error::new(
                Code::InvalidArgument,
                format!("the client has no store with id {id}"),
            )),
        }
    }

    fn full_name(&self, name: &str) -> Result<String, Error> {
        let (tenant, store) = parse_store_name(name)?;
        let tenant = if name.contains('/') { &tenant } else { &self.tenant };
        Ok(format!("{tenant}/{store}"))
    }
}
