//! The bounded past of a store, from which a watch resumes.

use std::collections::VecDeque;

use crate::error::StateError;
use crate::event::Event;
use crate::settings::Revision;

/// Events in (revision, ordinal) order, bounded in bytes.
#[derive(Default)]
pub(crate) struct History {
    events: VecDeque<Event>,
    bytes: u64,
    limit: u64,
    /// Events up to this revision may be missing.
    compacted: Revision,
}

impl History {
    /// An empty history that knows nothing up to `since`.
    pub(crate) fn new(since: Revision, limit: u64) -> History {
        History {
            events: VecDeque::new(),
            bytes: 0,
            limit,
            compacted: since,
        }
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
            }
        }
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

    pub(crate) fn events(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.events.iter()
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
