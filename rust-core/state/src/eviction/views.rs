//! One look at a kind of queue over all sub-maps.

/// Sub-maps that a store may have.
pub(super) const MOST_SUB_MAPS: usize = 16;

/// One look at a queue of one sub-map.
#[derive(Clone, Copy, Default)]
pub(super) struct View {
    pub(super) bytes: u64,
    pub(super) len: u32,
    /// The epoch of the oldest entry.
    pub(super) oldest: u8,
}

/// The queues of one kind as they were seen, each sub-map's refreshed after its turn.
pub(super) struct Views {
    views: [View; MOST_SUB_MAPS],
    bytes: u64,
    len: u32,
}

impl Views {
    pub(super) fn new() -> Views {
        Views {
            views: [View::default(); MOST_SUB_MAPS],
            bytes: 0,
            len: 0,
        }
    }

    pub(super) fn set(&mut self, sub_map: usize, view: View) {
        let old = std::mem::replace(&mut self.views[sub_map], view);
        self.bytes = self.bytes - old.bytes + view.bytes;
        self.len = self.len - old.len + view.len;
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// The sub-map whose oldest entry is the oldest, or of several the one that has the most.
    pub(super) fn oldest(&self, now: u8) -> Option<usize> {
        let (mut best, mut best_rank) = (None, 0);
        for (sub_map, view) in self.views.iter().enumerate() {
            // Age first, then bytes, in one word: this runs for every eviction.
            let rank = u64::from(now.wrapping_sub(view.oldest)) << 48 | view.bytes.min((1 << 48) - 1);
            if view.len > 0 && rank >= best_rank {
                (best, best_rank) = (Some(sub_map), rank);
            }
        }
        best
    }
}
