//! What a leader has its group do by itself, and clears.

use holdfast_state::*;
use smallvec::SmallVec;

use crate::common::{STORE, removed};
use crate::run::Run;
use crate::steps::{Step, range};

impl Run {
    /// The leader's own commands.
    pub(crate) fn lead(&mut self, step: &Step) {
        let now = self.leader.now();
        match *step {
            Step::Clear { range: r, limit } => {
                let range = range(r);
                let mut slot = Slot(0);
                if self.model.settings.class == StoreClass::Coordination {
                    slot = KeyHash::slot_of_store(STORE);
                }
                let (mut count, through) = (0, self.leader.machine.revision());
                loop {
                    let change = Change::Clear {
                        range,
                        through,
                        limit,
                    };
                    match self.apply(slot, change) {
                        Outcome::Removed {
                            count: some,
                            more,
                            next,
                            ..
                        } => {
                            count += some as usize;
                            slot = next;
                            if !more {
                                break;
                            }
                        }
                        other => panic!("{other:?}"),
                    }
                }
                assert_eq!(count, self.model.clear(now.0, &range));
            }
            Step::Expire { limit, earlier } => {
                let up_to = Timestamp(now.0 - earlier);
                let outcome = self.apply(Slot(0), Change::Expire { up_to, limit });
                self.model.at = self.model.at.max(now.0);
                let expected = self.model.expire(&self.leader.store, up_to.0, limit as usize);
                match outcome {
                    Outcome::Removed { count, more, .. } => assert_eq!((count as usize, more), expected),
                    other => panic!("{other:?}"),
                }
            }
            Step::Touch => {
                for work in self.leader.machine.due(now, usize::MAX) {
                    self.apply(
                        Slot(0),
                        Change::Touch {
                            touches: work.touches.as_slice().into(),
                        },
                    );
                    self.model.at = self.model.at.max(now.0);
                    work.touches.iter().for_each(|touched| self.model.touch(touched));
                }
            }
            Step::Evict { bytes } => {
                let mut victims = SmallVec::new();
                self.leader
                    .machine
                    .victims(&self.leader.store, bytes, &mut victims);
                for victim in &victims {
                    let held = self
                        .model
                        .entries
                        .remove(victim.key())
                        .expect("a victim is there");
                    assert!(held.version == victim.version() && !held.never_evict);
                }
                let outcome = self.apply(
                    Slot(0),
                    Change::Evict {
                        victims: victims.as_slice().into(),
                    },
                );
                assert_eq!(removed(&outcome), victims.len() as u64);
                self.model.at = self.model.at.max(now.0);
            }
            Step::Sweep { limit } => {
                self.apply(Slot(0), Change::Sweep { limit });
                self.model.at = self.model.at.max(now.0);
            }
            _ => unreachable!("not the leader's"),
        }
    }
}
