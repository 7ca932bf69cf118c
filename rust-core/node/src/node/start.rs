//! How a node begins: with empty groups, or with what its data directory has.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use holdfast_replication::Solo;
#[cfg(feature = "durable")]
use holdfast_replication::SoloDirectory;
#[cfg(feature = "durable")]
use holdfast_state::{GroupId, Timestamp};
use holdfast_state::{GroupKind, Machine, MachineConfig, MetaMachine};
use parking_lot::Mutex;

use super::{CACHE_GROUPS, COORDINATION_GROUPS, Inner, Node, NodeOptions, Stores};
use crate::clock::first_revision;
use crate::driver::Alarm;
use crate::identity::Identity;
use crate::log::Level;
use crate::room::MemoryUse;
use crate::store::NodeStore;

/// What a node begins with.
struct Begun {
    identity: Identity,
    coordination: Vec<Arc<Solo>>,
    #[cfg(feature = "durable")]
    data: Option<SoloDirectory>,
}

impl Node {
    /// Starts a node.
    ///
    /// # Panics
    /// When the operating system refuses a thread.
    #[must_use]
    pub fn start(options: NodeOptions) -> Self {
        let identity = Identity::new(first_revision());
        let coordination = (0..COORDINATION_GROUPS)
            .map(|index| {
                solo(machine_config(
                    GroupKind::Coordination,
                    index,
                    &options,
                    &identity,
                ))
            })
            .collect();
        Self::run(
            options,
            Begun {
                identity,
                coordination,
                #[cfg(feature = "durable")]
                data: None,
            },
        )
    }

    /// Starts a node whose coordination groups are kept in a directory: it begins with what is there, and a change is
    /// answered when it is on disk. Cache groups stay in memory. Blocks while the directory is read.
    ///
    /// # Errors
    /// The directory is in use, damaged or of another format, or the disk refuses. The message names the file.
    #[cfg(feature = "durable")]
    pub fn open(mut options: NodeOptions, data: &std::path::Path) -> std::io::Result<Self> {
        let identity = Identity::new(first_revision());
        let directory = SoloDirectory::open(data)?;
        let mut coordination = Vec::new();
        for index in 0..COORDINATION_GROUPS {
            let config = machine_config(GroupKind::Coordination, index, &options, &identity);
            // Group 0 would be the meta group.
            coordination.push(Arc::new(directory.group(GroupId(index + 1), config)?));
        }
        let newest = coordination
            .iter()
            .map(|group| group.machine().applied_at())
            .max();
        options.clock = Arc::new(crate::clock::ContinuedClock {
            from: newest.unwrap_or_default().max(Timestamp(0)),
            clock: options.clock,
        });
        Ok(Self::run(
            options,
            Begun {
                identity,
                coordination,
                data: Some(directory),
            },
        ))
    }

    fn run(options: NodeOptions, begun: Begun) -> Self {
        let cache = (0..CACHE_GROUPS)
            .map(|index| solo(machine_config(GroupKind::Cache, index, &options, &begun.identity)))
            .collect();
        let NodeOptions {
            name,
            clock,
            memory_limit,
            log,
            ..
        } = options;
        let inner = Arc::new(Inner {
            name,
            #[cfg(feature = "cluster")]
            seed: options.seed,
            identity: begun.identity,
            clock,
            alarm: Arc::new(Alarm::new()),
            memory: Arc::new(MemoryUse::new(memory_limit)),
            coordination: begun.coordination,
            cache,
            #[cfg(feature = "durable")]
            data: begun.data,
            stores: Mutex::new(Stores {
                meta: MetaMachine::new(begun.identity.first_revision()),
                open: HashMap::new(),
            }),
            log,
            failure_logged: AtomicBool::new(false),
        });
        inner.know_stores();
        let driven = Arc::clone(&inner);
        let driver = thread::Builder::new()
            .name("holdfast-driver".to_owned())
            .spawn(move || driven.drive())
            .expect("the operating system refuses a thread for the node's driver");
        inner.log.line(
            Level::Information,
            &format!("started, memory limit {memory_limit} bytes"),
        );
        Self {
            inner,
            driver: Some(driver),
        }
    }
}

/// A group in memory.
fn solo(config: MachineConfig) -> Arc<Solo> {
    Arc::new(Solo::new(Machine::new(config)))
}

fn machine_config(
    kind: GroupKind,
    group_index: u16,
    options: &NodeOptions,
    identity: &Identity,
) -> MachineConfig {
    MachineConfig {
        kind,
        first_revision: identity.first_revision(),
        feature_level: holdfast_state::FEATURE_LEVEL,
        seed: options.seed,
        touch_interval_ms: 0,
        group_index,
        group_count: match kind {
            GroupKind::Cache => CACHE_GROUPS,
            _ => COORDINATION_GROUPS,
        },
    }
}

impl Inner {
    /// Opens the stores that groups have brought back from disk.
    fn know_stores(&self) {
        let mut stores = self.stores.lock();
        for group in self.coordination.iter().filter(|group| group.is_logged()) {
            for kept in group.machine().stores() {
                let (id, settings) = (kept.id(), *kept.settings());
                stores.meta.adopt_store(kept.name(), id, settings);
                let store = NodeStore::new(
                    id,
                    kept.name().to_owned(),
                    self.groups_of(id, settings.class),
                    Arc::clone(&self.clock),
                    Arc::clone(&self.alarm),
                    Arc::clone(&self.memory),
                );
                // It is in the group that its id leads to, or nobody could have put anything into it.
                if let Ok(store) = store {
                    let store = Arc::new(store);
                    stores.open.insert(kept.name().to_owned(), Arc::clone(&store));
                    self.memory.add(store);
                }
            }
        }
    }
}
