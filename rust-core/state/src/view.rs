//! One moment of a machine, written while changes go on.

mod entries;
mod open;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use parking_lot::{MutexGuard, RwLockReadGuard};
use xxhash_rust::xxh3::Xxh3Default;

use self::entries::{Step, StoreEntries};
pub(crate) use self::open::{OpenView, OpenViews};
use crate::codec::Writer;
use crate::event::Event;
use crate::machine::Machine;
use crate::mutant::{self, Mutant};
use crate::session::{Outcomes, Session};
use crate::settings::Revision;
use crate::snapshot::{FORMAT, write_entry, write_event, write_settings};
use crate::snapshot_sessions::write_outcome;
use crate::store::Store;
use crate::submap::SubMap;

/// A piece is at least this long, but for the last; a big value makes one longer.
const PIECE: usize = 128 * 1024;
/// Entries looked at under one hold of a lock: so few that a change which waits seldom goes to sleep over it.
pub(crate) const LOOKS: usize = 64;

/// The view was given up: its machine has newer ones, as many as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the view of the state was given up for newer ones")]
pub struct ViewGivenUp;

/// A machine's replicated state as it was at one moment: the bytes of its snapshot, piece by piece, each made when it
/// is asked for, while the machine goes on. See [`Machine::snapshot_view`].
///
/// Entries that are changed before they were written are kept for it, by reference: see [`MachineView::held_bytes`].
pub struct MachineView {
    view: Arc<OpenView>,
    views: Arc<OpenViews>,
    stores: VecDeque<StoreMoment>,
    sessions: VecDeque<SessionMoment>,
    /// Addresses of entries that were in their store then, of all those that events or outcomes of the moment hold.
    /// They hold them until they are written, so that no other entry comes to lie there.
    live: BTreeSet<usize>,
    part: Part,
    out: Writer,
    checksum: Xxh3Default,
    solo: bool,
}

/// A store's state that is known from the beginning.
struct StoreMoment {
    store: Arc<Store>,
    budget: u64,
    keeps_history: bool,
    entries: u64,
    compacted: Revision,
    events: usize,
}

impl StoreMoment {
    fn end_history(&self, view: &OpenView) {
        // Dropped behind the lock.
        let ended = self.store.history.lock().end_moment(view);
        drop(ended);
    }
}

struct SessionMoment {
    id: u128,
    first_unacknowledged: u64,
    outcomes: Arc<Outcomes>,
    bytes: u64,
}

/// What is written next.
enum Part {
    /// The first store's head, or the sessions.
    Store,
    /// Entries of the first store.
    Entries(StoreEntries),
    /// Events of the first store.
    History(std::vec::IntoIter<Event>),
    Sessions,
    /// From the first session's outcome of this place on.
    Outcomes(usize),
    Checksum,
    End,
}

impl Machine {
    /// Fixes this moment of the replicated state, to be written while changes go on. The moment lies between two
    /// commands; who applies a log calls this between two entries.
    ///
    /// Takes a short hold of every lock: some microseconds for each store and 100 ns or so for each session, however
    /// many entries there are. A machine has eight views at most: one more gives the oldest up.
    #[must_use]
    pub fn snapshot_view(&self) -> MachineView {
        self.view(false, LOOKS)
    }

    /// Bytes that are held for views which are open, at most: entries that changes have replaced, counted for each view
    /// that still needs them, events, and outcomes.
    #[must_use]
    pub fn view_bytes(&self) -> u64 {
        self.views.bytes()
    }

    pub(crate) fn view(&self, is_lasting: bool, looks: usize) -> MachineView {
        let view = self.views.open(is_lasting, looks);
        // Dropped behind the locks.
        let (mut given_up, mut given_up_histories) = (Vec::new(), Vec::new());
        let sessions = self.sessions.lock();
        let frozen = sessions.freeze();
        let stores = self.stores();
        // Changes need one of these locks exclusively: with all of them shared, none is half done.
        let guards: Vec<Vec<_>> = stores
            .iter()
            .map(|store| store.shards.iter().map(|shard| shard.map.read()).collect())
            .collect();
        let mut head = Writer::with_capacity(PIECE);
        let revision = self.write_head(&mut head, stores.len());
        let moment_of = |(store, maps): (&Arc<Store>, &Vec<RwLockReadGuard<'_, _>>)| {
            let begin = |map: &RwLockReadGuard<'_, SubMap>| map.begin_moment(&view, revision, &mut given_up);
            let entries = maps.iter().map(begin).sum();
            let mut history = store.history.lock();
            StoreMoment {
                budget: store.budget(),
                keeps_history: store.keeps_history(),
                entries,
                compacted: history.compacted(),
                events: history.begin_moment(&view, &mut given_up_histories),
                store: Arc::clone(store),
            }
        };
        let moments = stores.iter().zip(&guards).map(moment_of).collect();
        let session_of = |(id, session): &(u128, MutexGuard<'_, Session>)| {
            view.hold(session.bytes());
            SessionMoment {
                id: *id,
                first_unacknowledged: session.first_unacknowledged,
                outcomes: match mutant::active(Mutant::SnapshotWithoutOutcomes) {
                    true => Arc::default(),
                    false => session.share_outcomes(),
                },
                bytes: session.bytes(),
            }
        };
        let session_moments = frozen.iter().map(session_of).collect();
        MachineView {
            view,
            views: Arc::clone(&self.views),
            stores: moments,
            sessions: session_moments,
            live: BTreeSet::new(),
            part: Part::Store,
            out: head,
            checksum: Xxh3Default::new(),
            solo: self.is_solo(),
        }
    }

    /// Everything in front of the stores; gives the revision.
    fn write_head(&self, out: &mut Writer, stores: usize) -> Revision {
        let revision = self.revision();
        out.u16(FORMAT);
        out.u8(self.kind as u8);
        out.u32(self.feature_level());
        out.i64(self.applied_at().0);
        out.i64(revision);
        out.u64(self.epoch());
        for slot in self.slots.all() {
            out.u8(slot.ownership as u8);
            out.u64(slot.epoch);
        }
        out.u32(stores as u32);
        revision
    }
}

impl MachineView {
    /// Bytes that are held for this view at most, see [`Machine::view_bytes`].
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.view.bytes()
    }

    /// Writes one thing, an entry, an event, an outcome; or takes a lock once to get at more of them.
    fn step(&mut self) {
        match &mut self.part {
            Part::Store => self.begin_store(),
            Part::Entries(entries) => match entries.step() {
                Step::Again => {}
                Step::End => self.begin_history(),
                Step::Entry(kept) => {
                    if kept.is_shared {
                        self.live.insert(kept.entry.address());
                    }
                    write_entry(&mut self.out, &kept.entry, kept.access_at, self.solo);
                }
            },
            Part::History(events) => match events.next() {
                None => self.take_events(),
                Some(event) => write_event(&mut self.out, &event, &self.live, self.solo),
            },
            Part::Sessions => self.begin_session(),
            Part::Outcomes(place) => {
                let place = *place;
                self.write_outcome(place);
            }
            Part::Checksum => {
                self.checksum.update(self.out.written());
                self.out.u64(self.checksum.digest());
                self.part = Part::End;
            }
            Part::End => {}
        }
    }

    fn begin_store(&mut self) {
        let Some(moment) = self.stores.front() else {
            self.out.u32(self.sessions.len() as u32);
            self.part = Part::Sessions;
            return;
        };
        let store = &moment.store;
        self.out.u32(store.id().0);
        self.out.bytes(store.name().as_bytes());
        write_settings(&mut self.out, store.settings());
        self.out.u64(moment.budget);
        self.out.bool(moment.keeps_history);
        self.out.u64(moment.entries);
        self.part = Part::Entries(StoreEntries::new(Arc::clone(store), Arc::clone(&self.view)));
    }

    fn begin_history(&mut self) {
        if let Some(moment) = self.stores.front() {
            self.out.i64(moment.compacted);
            self.out.u32(moment.events as u32);
        }
        self.take_events();
    }

    fn take_events(&mut self) {
        let Some(moment) = self.stores.front() else {
            return;
        };
        let events = moment.store.history.lock().take_moment(&self.view);
        if events.is_empty() {
            moment.end_history(&self.view);
            self.stores.pop_front();
            self.part = Part::Store;
        } else {
            self.part = Part::History(events.into_iter());
        }
    }

    fn begin_session(&mut self) {
        let Some(session) = self.sessions.front() else {
            self.part = Part::Checksum;
            return;
        };
        self.out.u128(session.id);
        self.out.u64(session.first_unacknowledged);
        self.out.u32(session.outcomes.len() as u32);
        self.part = Part::Outcomes(0);
    }

    fn write_outcome(&mut self, place: usize) {
        let Some(session) = self.sessions.front() else {
            return;
        };
        if let Some((sequence, recorded)) = session.outcomes.get(place) {
            write_outcome(&mut self.out, *sequence, recorded, &self.live, self.solo);
            self.part = Part::Outcomes(place + 1);
        } else {
            self.view.release(session.bytes);
            self.sessions.pop_front();
            self.part = Part::Sessions;
        }
    }

    fn piece(&mut self) -> Option<Vec<u8>> {
        let was_sealed = matches!(self.part, Part::End);
        while self.out.len() < PIECE && !matches!(self.part, Part::End) {
            self.step();
        }
        if was_sealed {
            return None;
        }
        // A little more than a piece, for the entry that ends it.
        let next = Writer::with_capacity(PIECE + PIECE / 16);
        let piece = std::mem::replace(&mut self.out, next).into_bytes();
        if !matches!(self.part, Part::End) {
            self.checksum.update(&piece);
        }
        Some(piece)
    }
}

impl Iterator for MachineView {
    type Item = Result<Vec<u8>, ViewGivenUp>;

    /// The next piece.
    fn next(&mut self) -> Option<Self::Item> {
        let piece = self.piece()?;
        // Asked last: what was given up while the piece was made may be missing in it.
        if self.view.is_given_up() {
            self.part = Part::End;
            return Some(Err(ViewGivenUp));
        }
        Some(Ok(piece))
    }
}

impl Drop for MachineView {
    fn drop(&mut self) {
        for moment in &self.stores {
            for shard in &moment.store.shards {
                let ended = shard.map.read().end_moment(&self.view);
                drop(ended);
            }
            moment.end_history(&self.view);
        }
        self.views.close(&self.view);
    }
}
