//! A sub-map as it was at the moment of a view, while changes go on.
//!
//! A view takes the entries in short holds of the shared lock: by ascending node id, or in key order where there is an
//! index. A change that comes before the view to an entry of the moment saves it first, which is a reference more.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::SubMap;
use crate::command::KeyRange;
use crate::entry::EntryRef;
use crate::index::ByKey;
use crate::settings::Revision;
use crate::view::OpenView;

/// Bytes of keys and values after which a hold in key order ends.
const BYTES: u64 = 32 * 1024;
/// Saved entries that lie together: no growth of theirs ever copies many.
const BLOCK: usize = 1024;

/// An entry of the moment.
pub(crate) struct Kept {
    pub(crate) entry: EntryRef,
    /// The last logged access at the moment.
    pub(crate) access_at: i64,
    /// Whether others than its sub-map may hold it, an event or an outcome perhaps.
    pub(crate) is_shared: bool,
}

/// What a hold of the lock has given.
pub(crate) enum Taken {
    /// There is more.
    Some,
    /// That was all, with these, which changes have saved.
    All(Vec<Vec<Kept>>),
}

/// What one view still needs of one sub-map.
pub(crate) struct SubMapMoment {
    view: Arc<OpenView>,
    /// What is newer came after the moment.
    revision: Revision,
    /// What is not newer was cleared before it.
    cleared_through: Revision,
    progress: Progress,
    /// Logged accesses that touches have replaced since, by node.
    touched: BTreeMap<u32, i64>,
    /// The contents, when they were cleared at once since.
    emptied: Option<Arc<SubMap>>,
    /// Bytes counted for the view.
    held: u64,
}

enum Progress {
    Nodes {
        /// Nodes before this one were taken.
        next: u32,
        end: u32,
        saved: Vec<Vec<Kept>>,
    },
    Keys {
        /// Keys up to this one's were taken.
        last: Option<EntryRef>,
        saved: BTreeMap<ByKey, i64>,
    },
}

impl SubMapMoment {
    fn had(&self, entry: &EntryRef) -> bool {
        entry.version() <= self.revision && entry.version() > self.cleared_through
    }

    fn hold(&mut self, bytes: u64) {
        self.held += bytes;
        self.view.hold(bytes);
    }

    fn access_of(&self, id: u32, entry: &EntryRef) -> i64 {
        let before = self.touched.get(&id).copied();
        before.unwrap_or_else(|| entry.access_at())
    }

    /// Before a node's entry goes.
    fn keep(&mut self, id: u32, entry: &EntryRef) {
        if !self.had(entry) {
            return;
        }
        let access_at = self.access_of(id, entry);
        match &mut self.progress {
            Progress::Nodes { next, saved, .. } if id >= *next => {
                if saved.last().is_none_or(|block| block.len() == BLOCK) {
                    saved.push(Vec::with_capacity(BLOCK));
                }
                let block = saved.last_mut().expect("there is one with room");
                block.push(Kept {
                    entry: entry.clone(),
                    access_at,
                    is_shared: true,
                });
            }
            // Taken, but perhaps not written: then the view alone holds it from now on.
            Progress::Nodes { .. } => {}
            Progress::Keys { last, saved } => {
                if last.as_ref().is_some_and(|last| entry.key() <= last.key()) {
                    return;
                }
                saved.insert(ByKey(entry.clone()), access_at);
            }
        }
        self.hold(saved_bytes(entry));
    }

    /// Before a logged access changes.
    fn keep_access(&mut self, id: u32, entry: &EntryRef) {
        let taken = match &self.progress {
            Progress::Nodes { next, .. } => id < *next,
            Progress::Keys { last, .. } => last.as_ref().is_some_and(|last| entry.key() <= last.key()),
        };
        if taken || !entry.is_timed() || !self.had(entry) || self.touched.contains_key(&id) {
            return;
        }
        self.touched.insert(id, entry.access_at());
        self.hold(TOUCH_BYTES);
    }

    /// The sub-map's contents are `emptied` from now on.
    pub(super) fn go_on_with(&mut self, emptied: &Arc<SubMap>) {
        if self.emptied.is_none() {
            self.emptied = Some(Arc::clone(emptied));
            self.hold(emptied.held.bytes);
        }
    }

    fn take(&mut self, now: &SubMap, out: &mut Vec<Kept>) -> Taken {
        let emptied = self.emptied.clone();
        let map = emptied.as_deref().unwrap_or(now);
        match &mut self.progress {
            Progress::Nodes { next, end, saved } => {
                let from = *next;
                *next = (*end).min(from + self.view.looks as u32);
                let through = *next;
                let taken = if through == *end {
                    Taken::All(std::mem::take(saved))
                } else {
                    Taken::Some
                };
                for id in from..through {
                    if let Some(entry) = map.slab.get(id).filter(|entry| self.had(entry)) {
                        out.push(self.kept(map, id, entry));
                    }
                }
                taken
            }
            Progress::Keys { .. } => self.take_keys(map, out),
        }
    }

    fn kept(&self, map: &SubMap, id: u32, entry: &EntryRef) -> Kept {
        // The slab's, and the index's.
        let own = 1 + u32::from(map.traits.ordered);
        Kept {
            access_at: self.access_of(id, entry),
            is_shared: entry.references() > own,
            entry: entry.clone(),
        }
    }

    /// What is in the index and what was saved, merged.
    fn take_keys(&mut self, map: &SubMap, out: &mut Vec<Kept>) -> Taken {
        let Progress::Keys { last, saved } = &mut self.progress else {
            unreachable!("only sub-maps with an index come here");
        };
        let (mut last, mut saved) = (last.take(), std::mem::take(saved));
        let begin = last.clone();
        let mut found = map
            .range(&KeyRange::All, begin.as_ref().map(EntryRef::key), false)
            .peekable();
        let mut bytes = 0;
        let mut taken = Taken::Some;
        for _ in 0..self.view.looks {
            let first_saved = saved.first_key_value().map(|(by_key, _)| by_key.0.key());
            if let Some(entry) = found.next_if(|entry| first_saved.is_none_or(|saved| entry.key() < saved)) {
                if self.had(entry) {
                    bytes += entry.payload();
                    out.push(self.kept(map, entry.id(), entry));
                }
                last = Some(entry.clone());
            } else if let Some((ByKey(entry), access_at)) = saved.pop_first() {
                let size = saved_bytes(&entry);
                self.held -= size;
                self.view.release(size);
                bytes += entry.payload();
                last = Some(entry.clone());
                out.push(Kept {
                    entry,
                    access_at,
                    is_shared: true,
                });
            } else {
                taken = Taken::All(Vec::new());
                break;
            }
            if bytes >= BYTES {
                break;
            }
        }
        self.progress = Progress::Keys { last, saved };
        taken
    }
}

impl Drop for SubMapMoment {
    fn drop(&mut self) {
        self.view.release(self.held);
    }
}

/// About what a touch that is remembered takes.
const TOUCH_BYTES: u64 = 32;

fn saved_bytes(entry: &EntryRef) -> u64 {
    entry.charge(false) + size_of::<Kept>() as u64
}

impl SubMap {
    /// Fixes the present for a view, which takes it later; how many entries there are. `revision` is the machine's
    /// newest. What views that were given up still had here goes to `given_up`, to be dropped behind the lock.
    pub(crate) fn begin_moment(
        &self,
        view: &Arc<OpenView>,
        revision: Revision,
        given_up: &mut Vec<SubMapMoment>,
    ) -> u64 {
        let mut moments = self.moments.lock();
        given_up.extend(moments.extract_if(.., |moment| moment.view.is_given_up()));
        let entries = self.held.entries - self.cleared.entries;
        if entries > 0 {
            let progress = if self.traits.ordered {
                Progress::Keys {
                    last: None,
                    saved: BTreeMap::new(),
                }
            } else {
                Progress::Nodes {
                    next: 0,
                    end: self.slab.end(),
                    saved: Vec::new(),
                }
            };
            moments.push(SubMapMoment {
                view: Arc::clone(view),
                revision,
                cleared_through: self.cleared_through,
                progress,
                touched: BTreeMap::new(),
                emptied: None,
                held: 0,
            });
        }
        entries
    }

    /// Takes more of a view's moment, in no order or in key order; `out` should have room for [`OpenView::looks`].
    pub(crate) fn take_moment(&self, view: &OpenView, out: &mut Vec<Kept>) -> Taken {
        let mut moments = self.moments.lock();
        match moments.iter_mut().find(|moment| moment.view.is(view)) {
            Some(moment) => moment.take(self, out),
            // It was empty.
            None => Taken::All(Vec::new()),
        }
    }

    /// A view needs nothing more of this sub-map. Drop the answer behind the lock.
    pub(crate) fn end_moment(&self, view: &OpenView) -> Option<SubMapMoment> {
        let mut moments = self.moments.lock();
        let place = moments.iter().position(|moment| moment.view.is(view))?;
        Some(moments.swap_remove(place))
    }

    /// Before a node's entry goes.
    #[inline]
    pub(super) fn keep_for_views(&mut self, id: u32) {
        let moments = self.moments.get_mut();
        if !moments.is_empty() {
            let entry = self.slab.entry(id);
            for moment in moments {
                moment.keep(id, entry);
            }
        }
    }

    /// Before a logged access of a node's entry changes.
    #[inline]
    pub(super) fn keep_access_for_views(&mut self, id: u32) {
        let moments = self.moments.get_mut();
        if !moments.is_empty() {
            let entry = self.slab.entry(id);
            for moment in moments {
                moment.keep_access(id, entry);
            }
        }
    }
}
