//! The eviction queues of one sub-map.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::balance::{Chosen, EvictionBalance, Turn};
use super::ghost::{Ghosts, Seen};
use super::queue::{Kind, Queue};
use super::{Nodes, Removal};

/// Entries looked at in one turn, that is under one hold of the sub-map's lock.
const MOST_IN_TURN: u32 = 64;
/// Pushes counted here before the store's clock hears of them, at most: it is shared by all threads that write.
const MOST_UNCOUNTED: u32 = 64;

/// Marks, in place of an epoch, what leaves from the window.
const FROM_WINDOW: u8 = 1;

/// The window, main and what is on its way out of one sub-map, inside that sub-map's lock.
///
/// Every node in use is in one of them or pinned. Nothing is allocated before the first eviction.
#[derive(Debug)]
pub(crate) struct EvictionQueues {
    balance: Arc<EvictionBalance>,
    sub_map: usize,
    window: Queue,
    main: Queue,
    leaving: Queue,
    pinned_bytes: u64,
    ghosts: Ghosts,
    uncounted_window: u32,
    uncounted_main: u32,
}

impl EvictionQueues {
    /// The queues of the store's `sub_map`-th sub-map.
    pub(crate) fn new(balance: Arc<EvictionBalance>, sub_map: usize) -> EvictionQueues {
        balance.show(sub_map, Kind::Window, 0, 0, None);
        balance.show(sub_map, Kind::Main, 0, 0, None);
        EvictionQueues {
            balance,
            sub_map,
            window: Queue::new(Kind::Window),
            main: Queue::new(Kind::Main),
            leaving: Queue::new(Kind::Leaving),
            pinned_bytes: 0,
            ghosts: Ghosts::default(),
            uncounted_window: 0,
            uncounted_main: 0,
        }
    }

    /// After a node was filled with an entry of a new key.
    pub(crate) fn insert(&mut self, nodes: &mut impl Nodes, id: u32, pinned: bool) {
        if pinned {
            self.pinned_bytes += nodes.size(id);
            return;
        }
        let seen = self.ghosts.take(nodes.hash(id));
        self.balance.came_back(seen);
        if seen == Seen::No {
            self.push(nodes, Kind::Window, id);
            self.settle(nodes);
        } else {
            self.push(nodes, Kind::Main, id);
        }
    }

    /// After a node got another entry of the same key, which keeps its place. One that was on its way out stays after all.
    pub(crate) fn overwrite(&mut self, nodes: &mut impl Nodes, id: u32, old_size: u64, pinned: bool) {
        let kind = nodes.links(id).kind();
        if pinned == (kind == Kind::Pinned) && kind != Kind::Leaving {
            let size = nodes.size(id);
            match self.queue(kind) {
                Some(queue) => {
                    queue.resize(old_size, size);
                    self.show(nodes, kind);
                }
                None => self.pinned_bytes = self.pinned_bytes - old_size + size,
            }
            return;
        }
        self.take(nodes, id, old_size);
        if pinned {
            self.pinned_bytes += nodes.size(id);
        } else {
            self.push(
                nodes,
                if kind == Kind::Leaving {
                    Kind::Main
                } else {
                    Kind::Window
                },
                id,
            );
        }
    }

    /// Before a node is freed.
    pub(crate) fn remove(&mut self, nodes: &mut impl Nodes, id: u32, why: Removal) {
        let links = nodes.links(id);
        self.take(nodes, id, nodes.size(id));
        let from_window = match links.kind() {
            Kind::Leaving => links.epoch() == FROM_WINDOW,
            kind => kind == Kind::Window,
        };
        // What main gives up had its chances: it starts as anything else does.
        if why == Removal::Evicted && from_window {
            self.ghosts
                .record(nodes.hash(id), self.window.len() + self.main.len());
        }
    }

    /// Picks entries of the queue whose turn it is, oldest first, and appends their ids to `out`. They stay in the sub-map
    /// until the logged eviction removes them, and are not picked twice. `None`: that queue is empty.
    ///
    /// Entries that deserve it are moved instead, for which the caller holds the lock exclusively. The turn ends with the
    /// oldest entry's epoch, so that all sub-maps give in turn, as one queue would.
    pub(crate) fn choose(
        &mut self,
        nodes: &mut impl Nodes,
        turn: Turn,
        out: &mut impl Extend<u32>,
    ) -> Option<Chosen> {
        let epoch = self.queue(turn.kind)?.oldest_epoch(nodes)?;
        let mut chosen = Chosen::default();
        let mut moved = 0;
        for _ in 0..MOST_IN_TURN {
            let queue = self.queue(turn.kind)?;
            if chosen.bytes >= turn.bytes || moved >= turn.surplus || queue.oldest_epoch(nodes) != Some(epoch)
            {
                break;
            }
            let id = queue.oldest().expect("it has an epoch");
            let size = nodes.size(id);
            self.take(nodes, id, size);
            moved += size;
            let heat = nodes.heat(id);
            let now = heat.load(Relaxed);
            if now > 0 && chosen.chances < turn.chances {
                heat.store(if turn.kind == Kind::Main { now - 1 } else { 0 }, Relaxed);
                chosen.chances += 1;
                self.push(nodes, Kind::Main, id);
            } else {
                chosen.chances = 0;
                chosen.bytes += size;
                let mark = if turn.kind == Kind::Window { FROM_WINDOW } else { 0 };
                self.leaving.push(nodes, id, mark);
                out.extend([id]);
            }
        }
        Some(chosen)
    }

    /// Makes candidates of what is on its way out: the evictions were lost with a leadership.
    pub(crate) fn recall(&mut self, nodes: &mut impl Nodes) {
        while let Some(id) = self.leaving.oldest() {
            self.take(nodes, id, nodes.size(id));
            self.push(nodes, Kind::Main, id);
        }
    }

    /// Empty queues in the place of these, for when the whole sub-map is emptied at once.
    pub(crate) fn emptied(&self) -> EvictionQueues {
        EvictionQueues::new(Arc::clone(&self.balance), self.sub_map)
    }

    /// Checks that links, lengths and bytes agree, and that every node is somewhere: `bytes` is the sum of their sizes.
    pub(crate) fn validate(&self, nodes: &impl Nodes, bytes: u64) -> Result<(), &'static str> {
        for queue in [&self.window, &self.main, &self.leaving] {
            queue.validate(nodes)?;
        }
        if self.window.bytes() + self.main.bytes() + self.leaving.bytes() + self.pinned_bytes != bytes {
            return Err("the eviction queues do not hold every entry");
        }
        Ok(())
    }

    /// While the store has room, the window's surplus moves on unjudged, a little with each new entry.
    fn settle(&mut self, nodes: &mut impl Nodes) {
        if !self.balance.has_room() {
            return;
        }
        for _ in 0..2 {
            let target = self
                .balance
                .window_target(self.window.bytes() + self.main.bytes());
            if self.window.len() < 2 || self.window.bytes() <= target {
                return;
            }
            let id = self.window.oldest().expect("it has two");
            self.take(nodes, id, nodes.size(id));
            self.push(nodes, Kind::Main, id);
        }
    }

    fn queue(&mut self, kind: Kind) -> Option<&mut Queue> {
        match kind {
            Kind::Pinned => None,
            Kind::Window => Some(&mut self.window),
            Kind::Main => Some(&mut self.main),
            Kind::Leaving => Some(&mut self.leaving),
        }
    }

    fn push(&mut self, nodes: &mut impl Nodes, kind: Kind, id: u32) {
        let epoch = self.balance.epoch(kind);
        let queue = self.queue(kind).expect("nothing is pushed to the pinned");
        queue.push(nodes, id, epoch);
        let batch = (queue.len() / 16).clamp(1, MOST_UNCOUNTED);
        let uncounted = match kind {
            Kind::Window => &mut self.uncounted_window,
            Kind::Main => &mut self.uncounted_main,
            _ => return,
        };
        *uncounted += 1;
        if *uncounted >= batch {
            self.balance.pushed(kind, std::mem::take(uncounted));
        }
        self.show(nodes, kind);
    }

    fn take(&mut self, nodes: &mut impl Nodes, id: u32, size: u64) {
        let kind = nodes.links(id).kind();
        match self.queue(kind) {
            Some(queue) => {
                queue.take(nodes, id, size);
                self.show(nodes, kind);
            }
            None => self.pinned_bytes -= size,
        }
    }

    fn show(&self, nodes: &impl Nodes, kind: Kind) {
        let queue = match kind {
            Kind::Window => &self.window,
            Kind::Main => &self.main,
            _ => return,
        };
        self.balance.show(
            self.sub_map,
            kind,
            queue.len(),
            queue.bytes(),
            queue.oldest_epoch(nodes),
        );
    }
}
