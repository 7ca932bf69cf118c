//! The rules of a sub-map.

use super::{Held, SubMap};

impl SubMap {
    /// Says which of its rules is broken.
    pub(crate) fn validate(&self) -> Result<(), String> {
        let mut held = Held::default();
        let mut cleared = Held::default();
        let mut timed = 0;
        for entry in self.slab.iter() {
            held.add(entry.charge(self.traits.ordered));
            timed += usize::from(entry.is_timed());
            if self.is_cleared(entry) {
                cleared.add(entry.charge(self.traits.ordered));
            }
            if self.find_id(entry.hash(), entry.key()) != Some(entry.id()) {
                return Err(format!("{entry:?} is not found by its key"));
            }
            if let Some(index) = &self.index
                && !index.get(entry.key()).is_some_and(|found| found.is_same(entry))
            {
                return Err(format!("{entry:?} is not the one in the index"));
            }
        }
        let indexed = self
            .index
            .as_ref()
            .is_none_or(|index| index.len() as u64 == held.entries);
        if self.table.len() as u64 != held.entries || self.slab.len() as u64 != held.entries || !indexed {
            return Err("table, slab and index differ in length".into());
        }
        if (held, cleared, timed) != (self.held, self.cleared, self.timed) {
            return Err(format!(
                "counted {:?} {:?} {}, are {held:?} {cleared:?} {timed}",
                self.held, self.cleared, self.timed
            ));
        }
        self.validate_wheel()?;
        match &self.queues {
            Some(queues) => queues.validate(&self.slab, held.bytes).map_err(str::to_owned),
            None => Ok(()),
        }
    }

    fn validate_wheel(&self) -> Result<(), String> {
        let mut scheduled: Vec<u32> = self.ready.iter().map(|ready| ready.entry.id()).collect();
        self.wheel.peek(i64::MAX, |id| scheduled.push(id));
        scheduled.sort_unstable();
        let next = self.next_due();
        for entry in self.slab.iter().filter(|entry| entry.is_timed()) {
            if scheduled.binary_search(&entry.id()).is_err() {
                return Err(format!("{entry:?} will never expire"));
            }
            if self.removed_from(entry) < next {
                return Err(format!("{entry:?} is due before {next}"));
            }
        }
        Ok(())
    }
}
