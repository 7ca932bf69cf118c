//! Histories that a linearizable store gives: the store is simulated, each call takes effect at one moment between its
//! begin and its end (or later, when its outcome is unknown), and entries expire when the clock says so.

use std::collections::BTreeMap;

use holdfast_chaos::history::{Action, Condition, Epoch, History, Operation, Outcome, Setting};

pub(crate) const MS: u64 = 1_000_000;

/// What to generate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) processes: u32,
    pub(crate) calls: usize,
    /// Of 100 calls so many have an unknown outcome.
    pub(crate) unknown: u32,
    /// Times that everything is lost.
    pub(crate) losses: u32,
    /// Entries that expire exactly, as with one node, or some time after their deadline.
    pub(crate) exact_expiry: bool,
}

#[derive(Clone)]
struct Entry {
    value: String,
    version: i64,
    deadline_ms: Option<u64>,
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Answered,
    /// Nobody hears of it, and perhaps it never happens.
    Unknown {
        happens: bool,
    },
    NotApplied,
}

struct Call {
    operation: Operation,
    fate: Fate,
}

struct Generator {
    plan: Plan,
    random: fastrand::Rng,
    entries: BTreeMap<String, Entry>,
    /// By the moment of their effect.
    coming: BTreeMap<(u64, u64), Call>,
    revision: i64,
    history: History,
    seen: BTreeMap<String, i64>,
    made: u64,
    begun: usize,
}

pub(crate) fn generate(plan: Plan) -> History {
    let setting = Setting {
        nodes: 1,
        seed: plan.seed,
        clock_grain_ns: MS,
        expiry_lateness_ns: plan.exact_expiry.then_some(0),
    };
    let mut generator = Generator {
        plan,
        random: fastrand::Rng::with_seed(plan.seed),
        entries: BTreeMap::new(),
        coming: BTreeMap::new(),
        revision: 1_000,
        history: History {
            setting,
            epochs: vec![Epoch {
                number: 1_000,
                lost_ns: 0,
                spawned_ns: 0,
                started_ns: 0,
            }],
            ..History::default()
        },
        seen: BTreeMap::new(),
        made: 0,
        begun: 0,
    };
    generator.run();
    generator.history
}

impl Generator {
    fn run(&mut self) {
        for process in 0..self.plan.processes {
            let begin_ns = self.random.u64(0..3 * MS);
            self.begin(process, begin_ns);
        }
        let every = self.plan.calls / (self.plan.losses as usize + 1);
        let mut losses = 0;
        while let Some(((at_ns, _), call)) = self.coming.pop_first() {
            if self.begun > every * (losses + 1) && losses < self.plan.losses as usize {
                losses += 1;
                self.lose(at_ns);
            }
            self.take_effect(at_ns, call);
        }
    }

    fn begin(&mut self, process: u32, from_ns: u64) {
        if self.begun == self.plan.calls {
            return;
        }
        self.begun += 1;
        let call_ns = from_ns + self.random.u64(1..2 * MS);
        let at_ns = call_ns + self.random.u64(1..3 * MS);
        let (key, action) = self.choose();
        let fate = match self.random.u32(0..100) {
            number if number < self.plan.unknown => Fate::Unknown {
                happens: self.random.bool(),
            },
            number if number < self.plan.unknown + 3 => Fate::NotApplied,
            _ => Fate::Answered,
        };
        // The effect of a call that nobody waits for any more may come much later.
        let late = fate != Fate::Answered && self.random.bool();
        let at_ns = if late {
            at_ns + self.random.u64(0..40 * MS)
        } else {
            at_ns
        };
        let mut operation = Operation {
            process,
            session: process / 2,
            key,
            group: 1,
            call_ns,
            return_ns: call_ns + self.random.u64(1..4 * MS),
            told: None,
            action,
            outcome: Outcome::Missing,
        };
        if fate != Fate::Answered {
            operation.outcome = match fate {
                Fate::NotApplied => Outcome::NotApplied {
                    code: "Unavailable".to_owned(),
                },
                _ => Outcome::Unknown {
                    code: "Timeout".to_owned(),
                },
            };
            self.history.operations.push(operation.clone());
            self.begin(process, operation.return_ns);
        }
        let number = self.begun as u64;
        self.coming.insert((at_ns, number), Call { operation, fate });
    }

    fn choose(&mut self) -> (String, Action) {
        let random = &mut self.random;
        let kind = random.u32(0..3);
        let key = ["register", "counter", "expiring"][kind as usize].to_owned();
        self.made += 1;
        let value = format!("value {}", self.made);
        let ttl_ms = (kind == 2 && random.u32(0..4) > 0).then(|| random.u64(1..30));
        let seen = self.seen.get(&key).copied().unwrap_or(1);
        let roll = random.u32(0..100);
        let put = |condition| Action::Put {
            value: value.clone(),
            condition,
            ttl_ms,
        };
        let delete = |condition| Action::Delete { condition };
        let action = match (kind, roll) {
            (_, 0..35) => Action::Get,
            (_, 35..40) => delete(Condition::Always),
            (1, _) => Action::Increment {
                delta: random.i64(1..4),
                ttl_ms: (roll < 50).then(|| random.u64(1..30)),
            },
            (_, 40..43) => delete(Condition::Version(seen)),
            (_, 43..55) => put(Condition::Absent),
            (_, 55..60) => put(Condition::Present),
            (_, 60..75) => put(Condition::Version(seen)),
            _ => put(Condition::Always),
        };
        (key, action)
    }

    fn lose(&mut self, at_ns: u64) {
        self.entries.clear();
        self.revision += 1_000_000;
        self.history.epochs.push(Epoch {
            number: self.revision,
            lost_ns: at_ns.saturating_sub(self.random.u64(0..2 * MS)),
            spawned_ns: at_ns.saturating_sub(1),
            started_ns: at_ns + self.random.u64(0..2 * MS),
        });
    }

    fn take_effect(&mut self, at_ns: u64, mut call: Call) {
        if matches!(call.fate, Fate::NotApplied | Fate::Unknown { happens: false }) {
            return;
        }
        let operation = &mut call.operation;
        let now_ms = at_ns / MS;
        let gone = |entry: &Entry| entry.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= now_ms);
        if self.entries.get(&operation.key).is_some_and(gone)
            && (self.plan.exact_expiry || self.random.bool())
        {
            self.entries.remove(&operation.key);
        }
        operation.outcome = self.answer(&operation.key.clone(), &operation.action.clone(), now_ms);
        if let Some(revision) = operation.revision() {
            self.seen.insert(operation.key.clone(), revision);
        }
        if call.fate == Fate::Answered {
            operation.return_ns = at_ns + self.random.u64(1..2 * MS);
            // Everybody is told at once.
            let epochs = &self.history.epochs;
            operation.told = epochs[1..].last().map(|epoch| epoch.number);
            self.history.operations.push(operation.clone());
            self.begin(operation.process, operation.return_ns);
        }
    }

    fn answer(&mut self, key: &str, action: &Action, now_ms: u64) -> Outcome {
        let entry = self.entries.get(key).cloned();
        let version = entry.as_ref().map(|entry| entry.version);
        let holds = |condition| match condition {
            Condition::Always => true,
            Condition::Absent => entry.is_none(),
            Condition::Present => entry.is_some(),
            Condition::Version(expected) => version == Some(expected),
        };
        let deadline = |ttl_ms: Option<u64>| ttl_ms.map(|ttl_ms| now_ms + ttl_ms);
        match action {
            Action::Get => match entry {
                None => Outcome::Missing,
                Some(entry) => Outcome::Read {
                    version: entry.version,
                    left_ms: entry
                        .deadline_ms
                        .map(|deadline_ms| deadline_ms.saturating_sub(now_ms)),
                    value: entry.value,
                },
            },
            Action::Put { condition, .. } if !holds(*condition) => Outcome::Refused { version },
            Action::Put { value, ttl_ms, .. } => {
                let version = self.write(key, value.clone(), deadline(*ttl_ms));
                Outcome::Applied {
                    version,
                    found: entry.is_some(),
                }
            }
            Action::Delete { condition } if entry.is_none() || !holds(*condition) => {
                Outcome::Refused { version }
            }
            Action::Delete { .. } => {
                self.entries.remove(key);
                Outcome::Applied {
                    version: self.next_revision(),
                    found: true,
                }
            }
            Action::Increment { delta, ttl_ms } => {
                let before = entry
                    .as_ref()
                    .map_or(0, |entry| entry.value.parse().expect("a number"));
                let deadline_ms = entry.map_or(deadline(*ttl_ms), |entry| entry.deadline_ms);
                let version = self.write(key, (before + delta).to_string(), deadline_ms);
                Outcome::Counted {
                    version,
                    before,
                    after: before + delta,
                }
            }
        }
    }

    fn write(&mut self, key: &str, value: String, deadline_ms: Option<u64>) -> i64 {
        let version = self.next_revision();
        let entry = Entry {
            value,
            version,
            deadline_ms,
        };
        self.entries.insert(key.to_owned(), entry);
        version
    }

    fn next_revision(&mut self) -> i64 {
        self.revision += self.random.i64(1..4);
        self.revision
    }
}
