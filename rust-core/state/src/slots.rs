//! Which slots a group serves.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::command::Ownership;
use crate::error::StateError;
use crate::hash::Slot;
use crate::limits::SLOTS;
use crate::mutant::{self, Mutant};

const WORDS: usize = SLOTS as usize / 64;

/// What the group knows of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotState {
    pub(crate) ownership: Ownership,
    /// The number of its last change of owner.
    pub(crate) epoch: u64,
}

/// The replicated ownership of all slots, and a bitmap of it that every request looks at.
pub(crate) struct Slots {
    served: [AtomicU64; WORDS],
    states: RwLock<Box<[SlotState]>>,
}

impl Slots {
    /// At first, slot s lies in group s mod `count`.
    pub(crate) fn new(group: u16, count: u16) -> Slots {
        let first = |slot| SlotState {
            ownership: if slot % count.max(1) == group {
                Ownership::Owned
            } else {
                Ownership::Foreign
            },
            epoch: 0,
        };
        Slots::from_states((0..SLOTS).map(first).collect())
    }

    pub(crate) fn from_states(states: Box<[SlotState]>) -> Slots {
        let slots = Slots {
            served: std::array::from_fn(|_| AtomicU64::new(0)),
            states: RwLock::new(states),
        };
        for (slot, state) in slots.all().into_iter().enumerate() {
            slots.serve(Slot(slot as u16), state.ownership == Ownership::Owned);
        }
        slots
    }

    /// Refuses a slot that is not served.
    #[inline]
    pub(crate) fn check(&self, slot: Slot) -> Result<(), StateError> {
        let word = self.served.get(usize::from(slot.0) / 64);
        if word.is_some_and(|word| word.load(Ordering::Relaxed) & 1 << (slot.0 % 64) != 0) {
            return Ok(());
        }
        if mutant::active(Mutant::SlotNotChecked) {
            return Ok(());
        }
        Err(self.wrong(slot))
    }

    #[cold]
    fn wrong(&self, slot: Slot) -> StateError {
        let states = self.states.read();
        let epoch = states.get(usize::from(slot.0)).map_or(0, |state| state.epoch);
        StateError::WrongSlot { slot, epoch }
    }

    /// Changes a slot's owner, unless a newer change is known.
    pub(crate) fn set(&self, slot: Slot, state: SlotState) {
        let mut states = self.states.write();
        let Some(known) = states.get_mut(usize::from(slot.0)) else {
            return;
        };
        if state.epoch < known.epoch {
            return;
        }
        *known = state;
        self.serve(slot, state.ownership == Ownership::Owned);
    }

    pub(crate) fn all(&self) -> Box<[SlotState]> {
        self.states.read().clone()
    }

    fn serve(&self, slot: Slot, yes: bool) {
        let word = &self.served[usize::from(slot.0) / 64];
        let bit = 1 << (slot.0 % 64);
        if yes {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }
}
