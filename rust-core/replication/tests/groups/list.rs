//! A machine that remembers what it applied, for tests of what is around it.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use bytes::Bytes;
use holdfast_replication::raft::{GroupMachine, MachineError, SnapshotView};
use holdfast_state::{LogEntry, Timestamp};

/// Applied commands in order, each once: a command is a text, and one that was applied before is a retry.
#[derive(Default)]
pub(crate) struct List {
    state: Mutex<State>,
    leading: Mutex<Leading>,
    read: Condvar,
}

/// What it knows of its own leadership.
#[derive(Default)]
struct Leading {
    /// How long it waits for somebody who reads too early, when it is to lead.
    waits: Duration,
    has_begun: bool,
    was_read: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) applied: Vec<String>,
    pub(crate) at: i64,
    seen: BTreeSet<String>,
    bytes: u64,
}

/// (place in the list, whether it was there already).
pub(crate) type Placed = (usize, bool);

impl List {
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap().clone()
    }

    /// When it is to lead, it begins when it was read, which is too early, or when that has not happened for so long.
    pub(crate) fn begin_slowly(&self, waits: Duration) {
        *self.leading.lock().unwrap() = Leading {
            waits,
            ..Leading::default()
        };
    }

    /// Whether it knew that it leads when this read it.
    pub(crate) fn read_as_leader(&self) -> bool {
        let mut leading = self.leading.lock().unwrap();
        leading.was_read = true;
        self.read.notify_all();
        leading.has_begun
    }

    pub(crate) fn applied(&self) -> Vec<String> {
        self.state().applied
    }
}

impl GroupMachine for List {
    type Outcome = Placed;

    fn apply(&self, _index: u64, entry: &Bytes) -> Result<Vec<Placed>, MachineError> {
        let entry = LogEntry::decode(entry).map_err(MachineError::new)?;
        let mut state = self.state.lock().unwrap();
        state.at = state.at.max(entry.at.0);
        let mut outcomes = Vec::new();
        for command in entry.commands() {
            let text = std::str::from_utf8(command)
                .map_err(MachineError::new)?
                .to_owned();
            if text == "unknown" {
                return Err(MachineError::new("command 'unknown' is not one of this build"));
            }
            let retried = !state.seen.insert(text.clone());
            if !retried {
                state.bytes += text.len() as u64;
                state.applied.push(text.clone());
            }
            let place = state.applied.iter().rposition(|other| *other == text).unwrap();
            outcomes.push((place, retried));
        }
        Ok(outcomes)
    }

    fn applied_at(&self) -> Timestamp {
        Timestamp(self.state.lock().unwrap().at)
    }

    fn begin_to_lead(&self, _at: Timestamp) {
        let leading = self.leading.lock().unwrap();
        let waits = leading.waits;
        let waited = self
            .read
            .wait_timeout_while(leading, waits, |leading| !leading.was_read);
        waited.unwrap().0.has_begun = true;
    }

    fn state_bytes(&self) -> u64 {
        self.state.lock().unwrap().bytes
    }

    fn snapshot(&self) -> Result<SnapshotView, MachineError> {
        let state = self.state.lock().unwrap();
        let mut text = format!("{}\n", state.at);
        for command in &state.applied {
            text.push_str(command);
            text.push('\n');
        }
        Ok(SnapshotView::whole(Bytes::from(text)))
    }

    fn restore(&self, snapshot: &[Bytes]) -> Result<(), MachineError> {
        let bytes = snapshot.concat();
        let text = std::str::from_utf8(&bytes).map_err(MachineError::new)?;
        let mut lines = text.lines();
        let at = lines
            .next()
            .and_then(|at| at.parse().ok())
            .ok_or_else(|| MachineError::new("no stamp"))?;
        let applied: Vec<String> = lines.map(str::to_owned).collect();
        *self.state.lock().unwrap() = State {
            at,
            seen: applied.iter().cloned().collect(),
            bytes: applied.iter().map(|command| command.len() as u64).sum(),
            applied,
        };
        Ok(())
    }
}
