//! One queue of a sub-map: a list through the links of its nodes, oldest to newest.

use super::Nodes;

const ID_BITS: u32 = 27;
const ID_MASK: u64 = (1 << ID_BITS) - 1;
const KIND_SHIFT: u32 = 2 * ID_BITS;
const EPOCH_SHIFT: u32 = KIND_SHIFT + 2;

/// No node. Also the number of nodes that the queues of one sub-map can hold.
pub(super) const NOBODY: u32 = (1 << ID_BITS) - 1;

/// The queue that a node is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In none: the entry is never evicted.
    Pinned,
    /// New entries.
    Window,
    /// Entries that have proved useful.
    Main,
    /// Entries whose eviction is on its way.
    Leaving,
}

/// A node's place: 27 bits each for the older and the newer neighbour, 2 for the queue and 8 for the epoch in which the
/// node was put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Links(u64);

const _: () = assert!(size_of::<Links>() == 8);

impl Default for Links {
    fn default() -> Links {
        Links::new(NOBODY, NOBODY, Kind::Pinned, 0)
    }
}

impl Links {
    fn new(older: u32, newer: u32, kind: Kind, epoch: u8) -> Links {
        debug_assert!(older <= NOBODY && newer <= NOBODY);
        Links(
            u64::from(older)
                | u64::from(newer) << ID_BITS
                | (kind as u64) << KIND_SHIFT
                | u64::from(epoch) << EPOCH_SHIFT,
        )
    }

    fn older(self) -> u32 {
        (self.0 & ID_MASK) as u32
    }

    fn newer(self) -> u32 {
        (self.0 >> ID_BITS & ID_MASK) as u32
    }

    pub(super) fn kind(self) -> Kind {
        match self.0 >> KIND_SHIFT & 3 {
            0 => Kind::Pinned,
            1 => Kind::Window,
            2 => Kind::Main,
            _ => Kind::Leaving,
        }
    }

    pub(super) fn epoch(self) -> u8 {
        (self.0 >> EPOCH_SHIFT) as u8
    }

    fn with_older(self, older: u32) -> Links {
        Links::new(older, self.newer(), self.kind(), self.epoch())
    }

    fn with_newer(self, newer: u32) -> Links {
        Links::new(self.older(), newer, self.kind(), self.epoch())
    }
}

/// A FIFO of nodes and the bytes in it.
#[derive(Debug)]
pub(super) struct Queue {
    kind: Kind,
    oldest: u32,
    newest: u32,
    len: u32,
    bytes: u64,
}

impl Queue {
    pub(super) fn new(kind: Kind) -> Queue {
        Queue {
            kind,
            oldest: NOBODY,
            newest: NOBODY,
            len: 0,
            bytes: 0,
        }
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn oldest(&self) -> Option<u32> {
        (self.oldest != NOBODY).then_some(self.oldest)
    }

    /// The epoch of the oldest node.
    pub(super) fn oldest_epoch(&self, nodes: &impl Nodes) -> Option<u8> {
        self.oldest().map(|id| nodes.links(id).epoch())
    }

    /// Puts a node of no queue at the newest end.
    pub(super) fn push(&mut self, nodes: &mut impl Nodes, id: u32, epoch: u8) {
        assert!(id < NOBODY, "a sub-map has fewer than 2^27 - 1 nodes");
        nodes.set_links(id, Links::new(self.newest, NOBODY, self.kind, epoch));
        if self.newest == NOBODY {
            self.oldest = id;
        } else {
            let newest = nodes.links(self.newest);
            nodes.set_links(self.newest, newest.with_newer(id));
        }
        self.newest = id;
        self.len += 1;
        self.bytes += nodes.size(id);
    }

    /// Takes a node of this queue out of it; `size` is what it was counted with.
    pub(super) fn take(&mut self, nodes: &mut impl Nodes, id: u32, size: u64) {
        let links = nodes.links(id);
        debug_assert_eq!(links.kind(), self.kind);
        match links.older() {
            NOBODY => self.oldest = links.newer(),
            older => nodes.set_links(older, nodes.links(older).with_newer(links.newer())),
        }
        match links.newer() {
            NOBODY => self.newest = links.older(),
            newer => nodes.set_links(newer, nodes.links(newer).with_older(links.older())),
        }
        nodes.set_links(id, Links::default());
        self.len -= 1;
        self.bytes -= size;
    }

    /// A node of this queue has another size.
    pub(super) fn resize(&mut self, old_size: u64, new_size: u64) {
        self.bytes = self.bytes - old_size + new_size;
    }

    /// Walks the queue both ways.
    pub(super) fn validate(&self, nodes: &impl Nodes) -> Result<(), &'static str> {
        let (mut older, mut id, mut len, mut bytes) = (NOBODY, self.oldest, 0, 0);
        while id != NOBODY {
            let links = nodes.links(id);
            if links.kind() != self.kind {
                return Err("a node in a queue says that it is in another");
            }
            if links.older() != older {
                return Err("a node's older neighbour does not lead to it");
            }
            len += 1;
            bytes += nodes.size(id);
            if len > self.len {
                return Err("a queue has more nodes than it counts");
            }
            (older, id) = (id, links.newer());
        }
        if older != self.newest || len != self.len {
            return Err("a queue has fewer nodes than it counts");
        }
        if bytes != self.bytes {
            return Err("a queue's bytes are not the sum of its nodes' sizes");
        }
        Ok(())
    }
}
