//! What became of one counter's increments, and what the counter may be after that.

/// How an increment ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was acknowledged: the counter after it and the entry's version, which names the epoch too.
    Acknowledged {
        /// The counter.
        after: i64,
        /// The entry's version.
        version: i64,
    },
    /// It may have been applied.
    Unknown,
    /// It was not applied.
    NotApplied,
}

#[derive(Clone, Copy, Debug)]
struct Record {
    /// The phase of the test when it began.
    phase: u32,
    ended: Ended,
}

/// The increments (by one, one after the other) of one counter that nobody else changes.
#[derive(Debug, Default)]
pub struct Ledger {
    records: Vec<Record>,
}

impl Ledger {
    /// Notes an increment that was begun in `phase`.
    pub fn note(&mut self, phase: u32, ended: Ended) {
        self.records.push(Record { phase, ended });
    }

    /// Acknowledged increments.
    #[must_use]
    pub fn acknowledged(&self) -> i64 {
        self.count(|record| matches!(record.ended, Ended::Acknowledged { .. }))
    }

    /// Increments whose outcome is unknown.
    #[must_use]
    pub fn unknown(&self) -> i64 {
        self.count(|record| record.ended == Ended::Unknown)
    }

    /// Says what is wrong with the answers in a history where the node started anew in `epochs` (ascending) and the
    /// counter is `counter` at the end; the last epoch's increments began in `last_phase` or later.
    ///
    /// # Errors
    /// One sentence.
    pub fn check(&self, epochs: &[u64], last_phase: u32, counter: i64) -> Result<(), String> {
        for (index, &epoch) in epochs.iter().enumerate() {
            let end = epochs.get(index + 1).copied().unwrap_or(u64::MAX);
            self.check_answers(|version| (epoch..end).contains(&version.unsigned_abs()))?;
        }
        let last = *epochs.last().ok_or("no epoch is known")?;
        let acknowledged = self.count(
            |record| matches!(record.ended, Ended::Acknowledged { version, .. } if version.unsigned_abs() >= last),
        );
        let unknown = self.count(|record| record.ended == Ended::Unknown && record.phase >= last_phase);
        if (acknowledged..=acknowledged + unknown).contains(&counter) {
            return Ok(());
        }
        Err(format!(
            "the counter is {counter} after {acknowledged} acknowledged and {unknown} unknown increments"
        ))
    }

    /// Each answer counts all that were acknowledged, at most those that are unknown too, and none twice.
    fn check_answers(&self, in_epoch: impl Fn(i64) -> bool) -> Result<(), String> {
        let (mut acknowledged, mut unknown, mut before) = (0, 0, (0, 0));
        for record in &self.records {
            match record.ended {
                Ended::Acknowledged { after, version } if in_epoch(version) => {
                    acknowledged += 1;
                    if !(acknowledged..=acknowledged + unknown).contains(&after) {
                        return Err(format!(
                            "increment {acknowledged} was answered with {after}, with {unknown} unknown before it"
                        ));
                    }
                    if after <= before.0 || version <= before.1 {
                        return Err(format!(
                            "after {} (version {}) came {after} (version {version})",
                            before.0, before.1
                        ));
                    }
                    before = (after, version);
                }
                Ended::Unknown => unknown += 1,
                Ended::Acknowledged { .. } | Ended::NotApplied => {}
            }
        }
        Ok(())
    }

    fn count(&self, filter: impl Fn(&Record) -> bool) -> i64 {
        self.records.iter().filter(|record| filter(record)).count() as i64
    }
}
