//! Plugs the node into the client: the nodes of this process, and the client's view of them.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Arc, LazyLock, Weak};

use holdfast_client::embedded::{
    EmbeddedHost, EmbeddedNode, EmbeddedStore, ScanEntry, ScanPage, ScanRequest,
};
use holdfast_client::settings::{Clock, NodeSettings, StoreSettings};
use holdfast_node::clock::{ClusterClock, ManualClock, SystemClock};
use holdfast_node::memory::MemoryFacts;
use holdfast_node::{Node, NodeError, NodeOptions, NodeStore, ScanError};
use holdfast_proto::Outcome::NotApplied;
use holdfast_proto::{Code, Error};
use holdfast_state::{Change, EntryView, KeyRange, Outcome, Revision, StoreClass, StoreStats, Timestamp};
use parking_lot::Mutex;

use crate::log;

/// Name of the node that the process shares.
const SHARED: &str = "default";

/// The nodes of this process.
pub(crate) struct Host;

#[derive(Default)]
struct Nodes {
    /// Lives until the process ends.
    shared: Option<Arc<Embedded>>,
    /// Each ends with its last client.
    isolated: HashMap<String, Weak<Embedded>>,
}

static NODES: LazyLock<Mutex<Nodes>> = LazyLock::new(Mutex::default);

/// A node of this process, and what it was started with.
struct Embedded {
    node: Node,
    clock: Clock,
    /// Where its coordination stores are kept, as it was given.
    data: Option<String>,
    /// Memory that the process can hope for, in bytes.
    available: u64,
    shared: bool,
}

impl Embedded {
    fn start(settings: &NodeSettings) -> Result<Arc<Self>, Error> {
        let available = MemoryFacts::read().limit();
        let name = settings.node.clone().unwrap_or_else(|| SHARED.to_owned());
        let clock: Arc<dyn ClusterClock> = match settings.clock_or_default() {
            Clock::System => Arc::new(SystemClock::start()),
            Clock::Manual => Arc::new(ManualClock::default()),
        };
        let options = NodeOptions {
            clock,
            memory_limit: settings.memory_limit_or_default(available),
            // The standard library's own source of unpredictable keys.
            seed: RandomState::new().hash_one(&name),
            log: log::Source::new(format!("node {name}")),
            name,
        };
        let node = match &settings.data {
            None => Node::start(options),
            Some(path) => Node::open(options, Path::new(path)).map_err(|error| {
                Error::new(
                    Code::StorageFailed,
                    format!("the data directory '{path}' cannot be used: {error}"),
                )
                .with_outcome(NotApplied)
            })?,
        };
        Ok(Arc::new(Self {
            node,
            clock: settings.clock_or_default(),
            data: settings.data.clone(),
            available,
            shared: settings.node.is_none(),
        }))
    }
}

impl EmbeddedHost for Host {
    fn open(&self, settings: &NodeSettings) -> Result<Arc<dyn EmbeddedNode>, Error> {
        let mut nodes = NODES.lock();
        let running = match &settings.node {
            None => nodes.shared.clone(),
            Some(name) => nodes.isolated.get(name).and_then(Weak::upgrade),
        };
        if let Some(node) = running {
            settings.check_against(node.clock, node.node.memory_limit(), node.data.as_deref())?;
            return Ok(node);
        }
        let node = Embedded::start(settings)?;
        match &settings.node {
            None => nodes.shared = Some(Arc::clone(&node)),
            Some(name) => {
                nodes.isolated.retain(|_, node| node.strong_count() > 0);
                nodes.isolated.insert(name.clone(), Arc::downgrade(&node));
            }
        }
        Ok(node)
    }
}

impl EmbeddedNode for Embedded {
    fn name(&self) -> &str {
        self.node.name()
    }

    fn is_shared(&self) -> bool {
        self.shared
    }

    fn open_store(
        &self,
        name: &str,
        given: &StoreSettings,
        default_class: StoreClass,
        create: bool,
    ) -> Result<Arc<dyn EmbeddedStore>, Error> {
        if !create && !self.node.has_store(name) {
            let message = format!("store '{name}' does not exist and auto-create-stores is off");
            return Err(Error::new(Code::StoreNotFound, message));
        }
        let settings = given.resolve(default_class, self.available, self.node.memory_limit())?;
        let store = self
            .node
            .define_store(name, &given.given, &settings)
            .map_err(|failed| {
                let mut refused = error(failed);
                refused.message = format!("store '{name}': {}", refused.message);
                refused
            })?;
        Ok(Arc::new(EmbeddedStoreView { store }))
    }

    fn advance_clock(&self, by_ms: u64) -> Result<Timestamp, Error> {
        self.node.advance_clock(by_ms).map_err(error)?.ok_or_else(|| {
            let message = format!(
                "the clock of node '{}' moves by itself; open it with clock=manual to advance it",
                self.name()
            );
            Error::new(Code::ClockNotManual, message)
        })
    }
}

struct EmbeddedStoreView {
    store: Arc<NodeStore>,
}

impl EmbeddedStore for EmbeddedStoreView {
    fn settings(&self) -> &holdfast_state::StoreSettings {
        self.store.settings()
    }

    #[inline]
    fn get(&self, key: &[u8], slide: bool, visit: &mut dyn FnMut(&EntryView<'_>)) -> Result<bool, Error> {
        match self.store.get(key, slide, |entry| visit(entry)) {
            Ok(found) => Ok(found.is_some()),
            Err(failed) => Err(error(failed)),
        }
    }

    fn get_many(
        &self,
        keys: &[&[u8]],
        visit: &mut dyn FnMut(usize, Option<&EntryView<'_>>),
    ) -> Result<(), Error> {
        self.store
            .get_many(keys, |index, entry| visit(index, entry))
            .map_err(error)
    }

    fn change(&self, change: &Change<'_>) -> Result<Outcome, Error> {
        self.store.change(change).map_err(error)
    }

    fn count(&self, range: &KeyRange<'_>) -> Result<u64, Error> {
        self.store.count(range).map_err(error)
    }

    fn clear(&self, range: &KeyRange<'_>) -> Result<(u64, Revision), Error> {
        self.store.clear(range).map_err(error)
    }

    fn scan(&self, request: &ScanRequest<'_>) -> Result<ScanPage, Error> {
        let page = self
            .store
            .scan(&holdfast_node::ScanRequest {
                range: request.range,
                descending: request.descending,
                cursor: request.cursor,
                limit: request.limit,
                byte_limit: request.byte_limit,
                keys_only: request.keys_only,
            })
            .map_err(|failed| match failed {
                ScanError::InvalidCursor => Error::new(Code::InvalidCursor, failed.to_string()),
                ScanError::Node(failed) => error(failed),
            })?;
        let entries = page
            .entries
            .into_iter()
            .map(|found| ScanEntry {
                remaining_ms: found.remaining_ms,
                absolute_unix_ms: found.entry.absolute_unix_ms(),
                entry: found.entry,
            })
            .collect();
        Ok(ScanPage {
            entries,
            cursor: page.cursor,
        })
    }

    fn stats(&self) -> StoreStats {
        self.store.stats()
    }
}

/// The node's error as every caller gets it.
#[cold]
fn error(failed: NodeError) -> Error {
    Error::from(failed)
}
