//! Lets managed code leave: once a context is silenced, no callback into it begins.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

/// Callbacks of one context pass through its gate; the lock is held (shared) while one runs.
#[derive(Default)]
pub(crate) struct Gate {
    silenced: RwLock<bool>,
}

impl Gate {
    /// Runs `callback` unless the context is silenced. Callbacks may nest (a callback that closes
    /// another client), so the shared lock is taken recursively.
    pub(crate) fn pass(&self, callback: impl FnOnce()) {
        let silenced = self.silenced.read_recursive();
        if !*silenced {
            callback();
        }
    }
}

static GATES: LazyLock<Mutex<HashMap<u64, Weak<Gate>>>> = LazyLock::new(Mutex::default);

/// The gate of a context, made on first use.
pub(crate) fn of(context: u64) -> Arc<Gate> {
    let mut gates = GATES.lock();
    gates.retain(|_, gate| gate.strong_count() > 0);
    if let Some(gate) = gates.get(&context).and_then(Weak::upgrade) {
        return gate;
    }
    let gate = Arc::new(Gate::default());
    gates.insert(context, Arc::downgrade(&gate));
    gate
}

/// Silences a context; false when callbacks still ran after 2 s.
pub(crate) fn silence(context: u64) -> bool {
    let Some(gate) = GATES.lock().get(&context).and_then(Weak::upgrade) else {
        return true;
    };
    match gate.silenced.try_write_for(Duration::from_secs(2)) {
        Some(mut silenced) => {
            *silenced = true;
            true
        }
        None => false,
    }
}
