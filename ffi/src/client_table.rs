//! The open clients by handle: index and generation, so that a stale handle finds nothing.

use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwapOption, Guard};
use parking_lot::Mutex;

use crate::open_client::OpenClient;

const CHUNK: usize = 64;
const CHUNKS: usize = 1024;

/// What a slot holds: the client and the handle that names it.
pub(crate) struct Named {
    handle: u64,
    client: Arc<OpenClient>,
}

type Chunk = [ArcSwapOption<Named>; CHUNK];

/// Slots never move and are never freed; a lookup is two loads and no shared write, so that threads
/// that submit to one client do not contend.
pub(crate) struct ClientTable {
    chunks: [OnceLock<Box<Chunk>>; CHUNKS],
    free: Mutex<Free>,
}

struct Free {
    /// Slots to use again, with the generation that their next client gets.
    slots: Vec<(u32, u32)>,
    next: u32,
}

/// Keeps a client alive while a call uses it.
pub(crate) struct Found(Option<Guard<Option<Arc<Named>>>>);

impl Found {
    pub(crate) fn as_ref(&self) -> Option<&OpenClient> {
        self.0.as_ref()?.as_ref().map(|named| named.client.as_ref())
    }

    pub(crate) fn is_some(&self) -> bool {
        self.0.is_some()
    }
}

pub(crate) static CLIENTS: ClientTable = ClientTable {
    chunks: [const { OnceLock::new() }; CHUNKS],
    free: Mutex::new(Free {
        slots: Vec::new(),
        next: 0,
    }),
};

impl ClientTable {
    /// Puts a client in and returns its handle, which is never 0; `None` when 65,536 clients are
    /// open at once.
    pub(crate) fn insert(&self, client: OpenClient) -> Option<u64> {
        let (index, generation) = {
            let mut free = self.free.lock();
            match free.slots.pop() {
                Some(slot) => slot,
                None if (free.next as usize) < CHUNK * CHUNKS => {
                    free.next += 1;
                    (free.next - 1, 1)
                }
                None => return None,
            }
        };
        let handle = (u64::from(generation) << 32) | u64::from(index);
        let chunk = self.chunks[index as usize / CHUNK]
            .get_or_init(|| Box::new([const { ArcSwapOption::const_empty() }; CHUNK]));
        chunk[index as usize % CHUNK].store(Some(Arc::new(Named {
            handle,
            client: Arc::new(client),
        })));
        Some(handle)
    }

    fn slot(&self, handle: u64) -> Option<&ArcSwapOption<Named>> {
        let index = (handle & u64::from(u32::MAX)) as usize;
        Some(&self.chunks.get(index / CHUNK)?.get()?[index % CHUNK])
    }

    /// The client of a handle, or nothing when it is closed.
    pub(crate) fn get(&self, handle: u64) -> Found {
        let Some(slot) = self.slot(handle) else {
            return Found(None);
        };
        let guard = slot.load();
        match guard.as_ref() {
            Some(named) if named.handle == handle => Found(Some(guard)),
            _ => Found(None),
        }
    }

    /// Takes a client out; only one caller gets it.
    pub(crate) fn remove(&self, handle: u64) -> Option<Arc<OpenClient>> {
        let slot = self.slot(handle)?;
        let mut free = self.free.lock();
        let current = slot.load_full()?;
        if current.handle != handle {
            return None;
        }
        slot.store(None);
        let index = (handle & u64::from(u32::MAX)) as u32;
        let generation = ((handle >> 32) as u32).wrapping_add(1).max(1);
        free.slots.push((index, generation));
        Some(Arc::clone(&current.client))
    }
}
