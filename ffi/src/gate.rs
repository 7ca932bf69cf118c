//! Lets managed code leave: once a context is silenced, no callback into it begins.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// How long [`silence`] waits for callbacks that are running.
const PATIENCE: Duration = Duration::from_secs(2);

/// Callbacks of one context pass through its gate.
#[derive(Default)]
pub(crate) struct Gate {
    passing: Mutex<Passing>,
    left: Condvar,
}

#[derive(Default)]
struct Passing {
    silenced: bool,
    running: u32,
}

impl Gate {
    /// Runs `callback` unless the context is silenced; no lock is held meanwhile. Callbacks may nest (a
    /// callback that closes another client).
    pub(crate) fn pass(&self, callback: impl FnOnce()) {
        {
            let mut passing = self.passing.lock();
            if passing.silenced {
                return;
            }
            passing.running += 1;
        }
        callback();
        let mut passing = self.passing.lock();
        passing.running -= 1;
        if passing.silenced && passing.running == 0 {
            self.left.notify_all();
        }
    }

    /// From now on no callback begins; false when some still ran after `patience`.
    fn silence(&self, patience: Duration) -> bool {
        let mut passing = self.passing.lock();
        passing.silenced = true;
        !self
            .left
            .wait_while_for(&mut passing, |passing| passing.running > 0, patience)
            .timed_out()
    }
}

#[derive(Default)]
struct Gates {
    open: HashMap<u64, Weak<Gate>>,
    /// Contexts that are silent for good; whoever leaves is remembered, not whoever comes.
    silenced: HashSet<u64>,
    /// Gates after which those of contexts without clients are looked for.
    tidy_at: usize,
}

static GATES: LazyLock<Mutex<Gates>> = LazyLock::new(Mutex::default);

/// The gate of a context, made on first use.
pub(crate) fn of(context: u64) -> Arc<Gate> {
    let mut gates = GATES.lock();
    if let Some(gate) = gates.open.get(&context).and_then(Weak::upgrade) {
        return gate;
    }
    let gate = Arc::new(Gate::default());
    gate.passing.lock().silenced = gates.silenced.contains(&context);
    if gates.open.len() >= gates.tidy_at {
        gates.open.retain(|_, gate| gate.strong_count() > 0);
        gates.tidy_at = 2 * gates.open.len() + 16;
    }
    gates.open.insert(context, Arc::downgrade(&gate));
    gate
}

/// Silences a context; false when callbacks still ran after 2 s.
pub(crate) fn silence(context: u64) -> bool {
    let gate = {
        let mut gates = GATES.lock();
        gates.silenced.insert(context);
        gates.open.get(&context).and_then(Weak::upgrade)
    };
    gate.is_none_or(|gate| gate.silence(PATIENCE))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    #[test]
    fn a_context_that_was_silenced_while_a_callback_ran_hears_nothing_more() {
        let (gate, inside, leave) = (Gate::default(), Barrier::new(2), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                gate.pass(|| {
                    inside.wait();
                    leave.wait();
                });
            });
            inside.wait();
            assert!(!gate.silence(Duration::from_millis(1)), "a callback is running");
            gate.pass(|| panic!("no callback begins any more"));
            leave.wait();
            assert!(gate.silence(Duration::MAX));
        });
    }

    #[test]
    fn a_context_is_silent_for_good_even_without_a_client_when_it_was_silenced() {
        assert!(silence(u64::MAX));
        of(u64::MAX).pass(|| panic!("no callback begins any more"));
    }

    #[test]
    fn gates_of_contexts_that_have_gone_do_not_pile_up() {
        for context in 0..10_000 {
            of((1 << 40) + context).pass(|| {});
        }
        assert!(GATES.lock().open.len() < 1_000);
    }
}
