//! The events of one command, on their way to the history and to who listens.

use parking_lot::MutexGuard;

use crate::event::{Event, EventKind, EventSink};
use crate::history::History;
use crate::machine::Machine;
use crate::settings::Revision;
use crate::store::Store;

/// One command's revision, and where its events go.
///
/// Made under the sub-map's lock. While a history is kept its lock is taken before the revision,
/// so that the history is in order of revisions whatever other threads do.
pub(crate) struct Recorder<'a> {
    store: &'a Store,
    pub(crate) revision: Revision,
    pub(crate) ordinal: u32,
    history: Option<MutexGuard<'a, History>>,
    listener: Option<&'a mut dyn EventSink>,
}

impl<'a> Recorder<'a> {
    /// Begins a command.
    #[inline]
    pub(crate) fn new(machine: &Machine, store: &'a Store, events: &'a mut dyn EventSink) -> Recorder<'a> {
        let history = store.keeps_history().then(|| store.history.lock());
        Recorder {
            store,
            revision: machine.next_revision(),
            ordinal: 0,
            history,
            listener: if events.wanted() { Some(events) } else { None },
        }
    }

    /// Goes on with a command under another lock.
    pub(crate) fn again(
        store: &'a Store,
        revision: Revision,
        ordinal: u32,
        events: &'a mut dyn EventSink,
    ) -> Recorder<'a> {
        Recorder {
            store,
            revision,
            ordinal,
            history: store.keeps_history().then(|| store.history.lock()),
            listener: if events.wanted() { Some(events) } else { None },
        }
    }

    /// Records what happened; `kind` is only made when somebody wants it.
    #[inline]
    pub(crate) fn record(&mut self, kind: impl FnOnce() -> EventKind) {
        if self.history.is_none() && self.listener.is_none() {
            return;
        }
        let event = Event {
            revision: self.revision,
            ordinal: self.ordinal,
            kind: kind(),
        };
        self.ordinal += 1;
        if let Some(listener) = &mut self.listener {
            listener.event(self.store.id(), &event);
        }
        if let Some(history) = &mut self.history {
            history.push(event);
        }
    }
}

/// The revision of a command that takes several holds of locks. On replicas it is one revision;
/// solo, where other threads go on in between, each hold gets its own, so that revisions and
/// events stay in one order.
pub(crate) struct Span {
    fixed: Option<Revision>,
    ordinal: u32,
    pub(crate) last: Revision,
}

impl Span {
    pub(crate) fn new(machine: &Machine) -> Span {
        let fixed = (!machine.is_solo()).then(|| machine.next_revision());
        Span {
            fixed,
            ordinal: 0,
            last: fixed.unwrap_or_else(|| machine.revision()),
        }
    }

    pub(crate) fn recorder<'a>(
        &self,
        machine: &Machine,
        store: &'a Store,
        events: &'a mut dyn EventSink,
    ) -> Recorder<'a> {
        match self.fixed {
            Some(revision) => Recorder::again(store, revision, self.ordinal, events),
            None => Recorder::new(machine, store, events),
        }
    }

    pub(crate) fn keep(&mut self, recorder: &Recorder<'_>) {
        self.ordinal = recorder.ordinal;
        self.last = recorder.revision;
    }
}
