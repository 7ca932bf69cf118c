//! The bounded past of a store, from which a watch resumes.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::error::StateError;
use crate::event::Event;
use crate::settings::Revision;
use crate::view::OpenView;

/// Events that a view takes under one hold of the lock.
const TAKEN_AT_ONCE: usize = 128;

/// Events in (revision, ordinal) order, bounded in bytes.
#[derive(Default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    bytes: u64,
    limit: u64,
    /// Events up to this revision may be missing.
    compacted: Revision,
    /// What open views of the machine still need.
    moments: Vec<HistoryMoment>,
}

/// What one view still needs: the events that there were, by their number then.
pub(crate) struct HistoryMoment {
    view: Arc<OpenView>,
    count: usize,
    taken: usize,
    /// How many have left the history since; those that were not taken are saved.
    left: usize,
    saved: VecDeque<Event>,
}

impl HistoryMoment {
    fn keep(&mut self, event: &Event) {
        if self.left >= self.taken && self.left < self.count {
            self.view.hold(event.kind.bytes());
            self.saved.push_back(event.clone());
        }
        self.left += 1;
    }
}

impl Drop for HistoryMoment {
    fn drop(&mut self) {
        let held = self.saved.iter().map(|event| event.kind.bytes()).sum();
        self.view.release(held);
    }
}

impl History {
    /// An empty history that knows nothing up to `since`.
    pub(crate) fn new(since: Revision, limit: u64) -> History {
        History {
            events: VecDeque::new(),
            bytes: 0,
            limit,
            compacted: since,
            moments: Vec::new(),
        }
    }

    /// Begins anew, knowing nothing up to `since`.
    pub(crate) fn restart(&mut self, since: Revision) {
        let events = std::mem::take(&mut self.events);
        for moment in &mut self.moments {
            events.iter().for_each(|event| moment.keep(event));
        }
        self.bytes = 0;
        self.compacted = since;
    }

    pub(crate) fn push(&mut self, event: Event) {
        if event.revision <= self.compacted {
            // The command's first events have already pushed it out.
            return;
        }
        self.bytes += event.kind.bytes();
        self.events.push_back(event);
        // The events of one command go together, or a watch would resume inside of it.
        while self.bytes > self.limit {
            let Some(oldest) = self.events.front().map(|event| event.revision) else {
                return;
            };
            self.compacted = oldest;
            while self.events.front().is_some_and(|e| e.revision == oldest) {
                let event = self.events.pop_front().expect("there is a front");
                self.bytes -= event.kind.bytes();
                for moment in &mut self.moments {
                    moment.keep(&event);
                }
            }
        }
    }

    /// Fixes the present for a view, which takes it later; how many events there are.
    /// What views that were given up still had here goes to `given_up`, to be dropped behind the lock.
    pub(crate) fn begin_moment(&mut self, view: &Arc<OpenView>, given_up: &mut Vec<HistoryMoment>) -> usize {
        given_up.extend(self.moments.extract_if(.., |moment| moment.view.is_given_up()));
        if !self.events.is_empty() {
            self.moments.push(HistoryMoment {
                view: Arc::clone(view),
                count: self.events.len(),
                taken: 0,
                left: 0,
                saved: VecDeque::new(),
            });
        }
        self.events.len()
    }

    /// Takes more of a view's moment, in order; none when that was all.
    pub(crate) fn take_moment(&mut self, view: &OpenView) -> Vec<Event> {
        let Some(moment) = self.moments.iter_mut().find(|moment| moment.view.is(view)) else {
            return Vec::new();
        };
        let limit = TAKEN_AT_ONCE.min(moment.count - moment.taken);
        let mut taken: Vec<Event> = Vec::with_capacity(limit);
        taken.extend(moment.saved.drain(..limit.min(moment.saved.len())));
        moment
            .view
            .release(taken.iter().map(|event| event.kind.bytes()).sum());
        moment.taken += taken.len();
        // What was not saved is still here: behind what has left.
        let rest = limit - taken.len();
        let begin = moment.taken.saturating_sub(moment.left);
        taken.extend(self.events.iter().skip(begin).take(rest).cloned());
        moment.taken += rest;
        taken
    }

    /// A view needs nothing more. Drop the answer behind the lock.
    pub(crate) fn end_moment(&mut self, view: &OpenView) -> Option<HistoryMoment> {
        let place = self.moments.iter().position(|moment| moment.view.is(view))?;
        Some(self.moments.swap_remove(place))
    }

    /// The events after revision `after`, up to `byte_limit` (at least one command's).
    pub(crate) fn since(&self, after: Revision, byte_limit: u64) -> Result<Vec<Event>, StateError> {
        if after < self.compacted {
            return Err(StateError::Compacted {
                first: self.compacted,
            });
        }
        let start = self.events.partition_point(|event| event.revision <= after);
        let mut taken: Vec<Event> = Vec::new();
        let mut bytes = 0;
        for event in self.events.iter().skip(start) {
            let same_command = taken.last().is_some_and(|e| e.revision == event.revision);
            if bytes > byte_limit && !same_command {
                break;
            }
            bytes += event.kind.bytes();
            taken.push(event.clone());
        }
        Ok(taken)
    }

    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn validate(&self, revision: Revision) -> Result<(), String> {
        let in_order = self
            .events
            .iter()
            .zip(self.events.iter().skip(1))
            .all(|(a, b)| (a.revision, a.ordinal) < (b.revision, b.ordinal));
        let bytes: u64 = self.events.iter().map(|event| event.kind.bytes()).sum();
        if !in_order {
            return Err("history is out of order".into());
        }
        if bytes != self.bytes {
            return Err(format!("history counts {} bytes, holds {bytes}", self.bytes));
        }
        if self.compacted > revision || self.events.back().is_some_and(|e| e.revision > revision) {
            return Err("history is ahead of the revision".into());
        }
        if self.events.front().is_some_and(|e| e.revision <= self.compacted) {
            return Err("history keeps what it calls compacted".into());
        }
        Ok(())
    }
}
