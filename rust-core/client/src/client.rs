//! A client: the node it talks to and the stores that it has opened.

use std::sync::Arc;

use arc_swap::ArcSwap;
use holdfast_proto::{Code, Error};
use parking_lot::Mutex;

use crate::connection_string::{ConnectionString, Topology, parse_store_name};
use crate::embedded::{EmbeddedHost, EmbeddedNode};
use crate::settings::{Settings, StoreSettings};
use crate::store::Store;

/// One client of one node. Any number of threads may use it at once.
pub struct Client {
    node: Arc<dyn EmbeddedNode>,
    settings: Settings,
    tenant: String,
    /// The connection string's store; kept apart from the others because nearly all requests go to it.
    first: Store,
    /// The further stores, by id − 1. Grows only.
    others: ArcSwap<Vec<Arc<Store>>>,
    opening: Mutex<()>,
}

impl Client {
    /// Checks a connection string and the settings beside it without opening anything.
    ///
    /// # Errors
    /// As [`Client::open`], but for what only a node can know.
    pub fn check(text: &str, explicit: &[(&str, &str)]) -> Result<ConnectionString, Error> {
        let parsed = ConnectionString::parse(text, explicit)?;
        match &parsed.topology {
            Topology::Embedded => Ok(parsed),
            Topology::Hosts { endpoints, .. } => {
                let hosts: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
                let message = format!(
                    "'{}' names a server and this version runs embedded only: write holdfast://embedded/STORE",
                    hosts.join(",")
                );
                Err(Error::new(Code::Unsupported, message))
            }
        }
    }

    /// Opens the client that a connection string and the settings beside it describe; those settings
    /// win over the string's.
    ///
    /// # Errors
    /// A typed error for each malformed part of the string, `Unsupported` for hosts, and those of
    /// opening the node and the store.
    pub fn open(text: &str, explicit: &[(&str, &str)], host: &dyn EmbeddedHost) -> Result<Self, Error> {
        let ConnectionString {
            tenant,
            store,
            settings,
            ..
        } = Self::check(text, explicit)?;
        let node = host.open(&settings.node)?;
        let create = settings.client.auto_create_stores_or_default();
        let name = format!("{tenant}/{store}");
        let first = Store::new(
            name.clone(),
            node.open_store(
                &name,
                &settings.store,
                settings.client.default_class_or_default(),
                create,
            )?,
        );
        Ok(Self {
            node,
            settings,
            tenant,
            first,
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
    /// [`Client::with_store`]; a store that is open already keeps its id.
    ///
    /// # Errors
    /// `StoreNotFound`, `StoreConflict`, `InvalidSetting`, `InvalidArgument` for a bad name.
    pub fn open_store(&self, name: &str, given: &StoreSettings) -> Result<u32, Error> {
        let name = self.full_name(name)?;
        let create = self.settings.client.auto_create_stores_or_default();
        let opened = self.node.open_store(
            &name,
            given,
            self.settings.client.default_class_or_default(),
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
