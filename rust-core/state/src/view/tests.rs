use proptest::prelude::*;
use smallvec::SmallVec;

use super::*;
use crate::{
    Change, Command, Condition, EntryRef, Expiry, FEATURE_LEVEL, GroupCommand, GroupKind, KeyRange,
    MachineConfig, NoEvents, SessionTag, Slot, SnapshotReader, StoreClass, StoreId, StoreSettings, Timestamp,
};

const STORES: u32 = 2;
const SESSIONS: u128 = 3;
const TOUCH_INTERVAL: u64 = 50;

#[derive(Clone, Debug)]
enum Act {
    Put {
        key: u8,
        size: u8,
        expiry: u8,
        session: u8,
    },
    Delete {
        key: u8,
        session: u8,
    },
    Increment {
        key: u8,
    },
    Refresh {
        key: u8,
    },
    Read {
        key: u8,
    },
    Clear {
        range: u8,
        limit: u32,
    },
    Tick {
        ms: i64,
    },
    Evict {
        bytes: u64,
    },
    Watch {
        on: bool,
    },
    Budget {
        bytes: u64,
    },
    Define,
    Close {
        session: u8,
    },
    View {
        looks: usize,
    },
    Write {
        view: u8,
        steps: u8,
    },
    GiveUp {
        view: u8,
    },
    Restore {
        seed: u64,
    },
}

fn act() -> impl Strategy<Value = (u32, Act)> {
    let key = 0..40_u8;
    let session = 0..5_u8;
    let act = prop_oneof![
        12 => (key.clone(), 0..80_u8, 0..4_u8, session.clone())
            .prop_map(|(key, size, expiry, session)| Act::Put { key, size, expiry, session }),
        4 => (key.clone(), session.clone()).prop_map(|(key, session)| Act::Delete { key, session }),
        1 => key.clone().prop_map(|key| Act::Increment { key }),
        2 => key.clone().prop_map(|key| Act::Refresh { key }),
        3 => key.prop_map(|key| Act::Read { key }),
        1 => (0..3_u8, 1..6_u32).prop_map(|(range, limit)| Act::Clear { range, limit }),
        3 => (1..120_i64).prop_map(|ms| Act::Tick { ms }),
        1 => (1..2_000_u64).prop_map(|bytes| Act::Evict { bytes }),
        1 => any::<bool>().prop_map(|on| Act::Watch { on }),
        1 => (500_000..1_000_000_u64).prop_map(|bytes| Act::Budget { bytes }),
        1 => Just(Act::Define),
        1 => session.prop_map(|session| Act::Close { session }),
        3 => (1..6_usize).prop_map(|looks| Act::View { looks }),
        14 => (0..3_u8, 1..40_u8).prop_map(|(view, steps)| Act::Write { view, steps }),
        1 => (0..3_u8).prop_map(|view| Act::GiveUp { view }),
        1 => any::<u64>().prop_map(|seed| Act::Restore { seed }),
    ];
    (1..=STORES, act)
}

fn config(kind: GroupKind, seed: u64) -> MachineConfig {
    MachineConfig {
        kind,
        first_revision: 1_000,
        feature_level: FEATURE_LEVEL,
        seed,
        touch_interval_ms: TOUCH_INTERVAL,
        group_index: 0,
        group_count: 1,
    }
}

/// Two replicas, and views of them beside what a snapshot at the same moment said.
struct Run {
    kind: GroupKind,
    machines: [Machine; 2],
    views: Vec<(MachineView, Vec<u8>)>,
    now: i64,
    sequence: u64,
    defined: u32,
}

impl Run {
    fn new(kind: GroupKind) -> Run {
        let mut run = Run {
            kind,
            machines: [1, 2].map(|seed| Machine::new(config(kind, seed))),
            views: Vec::new(),
            now: 1_000_000,
            sequence: 0,
            defined: 0,
        };
        for _ in 0..STORES {
            run.define();
        }
        for session in 1..=SESSIONS {
            run.log(Command::Group(GroupCommand::OpenSession { session }));
        }
        run
    }

    fn define(&mut self) {
        self.defined += 1;
        let class = match self.kind {
            GroupKind::Cache => StoreClass::Cache,
            _ => StoreClass::Coordination,
        };
        let settings = StoreSettings {
            max_value: 1_024,
            hash_tags: class == StoreClass::Cache && self.defined == 1,
            ..StoreSettings::new(class, 1 << 20)
        };
        let name = format!("default/{}", self.defined);
        self.log(Command::Group(GroupCommand::DefineStore {
            id: StoreId(self.defined),
            name: &name,
            settings,
        }));
    }

    fn log(&self, command: Command<'_>) {
        for machine in &self.machines {
            machine.apply(Timestamp(self.now), &[command], &mut NoEvents);
        }
    }

    fn change(&mut self, store: u32, session: u8, change: Change<'_>) {
        // Some changes have no session, and acknowledgements come late.
        let session = (1..=SESSIONS).contains(&u128::from(session)).then(|| {
            self.sequence += 1;
            SessionTag {
                session: u128::from(session),
                sequence: self.sequence,
                first_unacknowledged: self.sequence.saturating_sub(20),
            }
        });
        self.log(Command::InStore {
            store: StoreId(store),
            slot: Slot(0),
            session,
            change,
        });
    }

    /// What a leader does now and then: touches, expiry, freeing.
    fn tick(&mut self) {
        for work in self.machines[0].due(Timestamp(self.now), 100) {
            let store = work.store.id().0;
            let touches = work.touches.as_slice().into();
            self.change(store, 0, Change::Touch { touches });
            let up_to = Timestamp(self.now);
            self.change(store, 0, Change::Expire { up_to, limit: 5 });
            self.change(store, 0, Change::Sweep { limit: 7 });
        }
    }

    fn read(&self, store: u32, key: &[u8]) {
        let machine = &self.machines[0];
        let Some(store) = machine.store(StoreId(store)) else {
            return;
        };
        let _ = machine.get(
            &store,
            || Timestamp(self.now),
            store.place(key),
            key,
            true,
            |_| (),
        );
    }

    fn evict(&mut self, store: u32, bytes: u64) {
        let Some(handle) = self.machines[0].store(StoreId(store)) else {
            return;
        };
        let mut victims: SmallVec<[EntryRef; 8]> = SmallVec::new();
        self.machines[0].victims(&handle, bytes, &mut victims);
        let victims = victims.as_slice().into();
        self.change(store, 0, Change::Evict { victims });
        self.machines[0].recall_victims(&handle);
    }

    /// A change of one key.
    fn change_key(&mut self, store: u32, act: &Act) {
        match *act {
            Act::Put {
                key,
                size,
                expiry,
                session,
            } => {
                let expiries = [
                    Expiry::NONE,
                    Expiry::NONE,
                    Expiry::sliding(200),
                    Expiry::after_ms(300),
                ];
                let condition = if size % 4 == 0 {
                    Condition::Absent
                } else {
                    Condition::Always
                };
                let put = Change::Put {
                    key: &key_of(key),
                    value: &vec![size; usize::from(size)],
                    expiry: expiries[usize::from(expiry)],
                    condition,
                    never_evict: false,
                    return_previous: size % 2 == 0,
                };
                self.change(store, session, put);
            }
            Act::Delete { key, session } => {
                let condition = if key % 3 == 0 {
                    Condition::Version(1)
                } else {
                    Condition::Always
                };
                let delete = Change::Delete {
                    key: &key_of(key),
                    condition,
                    return_previous: true,
                };
                self.change(store, session, delete);
            }
            Act::Increment { key } => {
                let increment = Change::Increment {
                    key: &key_of(key),
                    delta: 1,
                    minimum: 0,
                    maximum: 9,
                    initial: 0,
                    expiry: Expiry::sliding(200),
                    reset_expiry: key % 2 == 0,
                };
                self.change(store, 1, increment);
            }
            Act::Refresh { key } => self.change(store, 2, Change::Refresh { key: &key_of(key) }),
            ref other => panic!("{other:?} is of no key"),
        }
    }

    fn act(&mut self, store: u32, act: &Act) {
        match *act {
            Act::Read { key } => self.read(store, &key_of(key)),
            Act::Clear { range, limit } => {
                let ranges = [KeyRange::All, KeyRange::Prefix(b"k1"), KeyRange::Prefix(b"{")];
                let clear = Change::Clear {
                    range: ranges[usize::from(range)],
                    through: 0,
                    limit,
                };
                self.change(store, 1, clear);
            }
            Act::Tick { ms } => {
                self.now += ms;
                self.tick();
            }
            Act::Evict { bytes } => self.evict(store, bytes),
            Act::Watch { on } => {
                let store = StoreId(store);
                self.log(Command::Group(GroupCommand::WatchHistory { store, on }));
            }
            Act::Budget { bytes } => {
                let store = StoreId(store);
                self.log(Command::Group(GroupCommand::SetBudget { store, bytes }));
            }
            Act::Define => self.define(),
            Act::Close { session } => {
                let session = u128::from(session);
                self.log(Command::Group(GroupCommand::CloseSession { session }));
                let session = session + 1;
                self.log(Command::Group(GroupCommand::OpenSession { session }));
            }
            Act::View { looks } => self.view(looks),
            Act::Write { view, steps } => self.write(usize::from(view), usize::from(steps)),
            Act::GiveUp { view } => {
                if usize::from(view) < self.views.len() {
                    self.views.remove(usize::from(view));
                }
            }
            Act::Restore { seed } => {
                let bytes = self.machines[0].snapshot();
                self.machines[1] = read_in_pieces(&bytes, self.kind, seed);
            }
            ref change => self.change_key(store, change),
        }
    }

    fn view(&mut self, looks: usize) {
        if self.views.len() < 3 {
            let [ours, theirs] = [0, 1].map(|replica| self.machines[replica].snapshot());
            assert!(ours == theirs, "replicas are equal");
            let of = self.views.len() % 2;
            self.views.push((self.machines[of].view(false, looks), ours));
        }
    }

    fn write(&mut self, view: usize, steps: usize) {
        let Some((written, _)) = self.views.get_mut(view) else {
            return;
        };
        (0..steps).for_each(|_| written.step());
        if matches!(written.part, Part::End) {
            let (written, expected) = self.views.remove(view);
            self.check(written, &expected);
        }
    }

    fn check(&self, mut view: MachineView, expected: &[u8]) {
        while !matches!(view.part, Part::End) {
            view.step();
        }
        assert_eq!(view.held_bytes(), 0, "nothing is held for what is written");
        assert!(view.out.written() == expected, "a view is of one moment");
        let restored = read_in_pieces(expected, self.kind, 77);
        assert!(restored.snapshot() == expected);
    }
}

fn key_of(number: u8) -> Vec<u8> {
    match number % 3 {
        0 => format!("k{number}").into_bytes(),
        1 => format!("{{{}}}:{number}", number / 9).into_bytes(),
        _ => vec![number; usize::from(number)],
    }
}

/// Restores from pieces of all sizes.
fn read_in_pieces(bytes: &[u8], kind: GroupKind, seed: u64) -> Machine {
    let mut reader = SnapshotReader::new(config(kind, seed));
    let (mut rest, mut size) = (bytes, 1 + seed as usize % 700);
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        reader.read(piece).expect("a good snapshot");
        rest = behind;
        size = 1 + (size * 31) % 1_009;
    }
    reader.finish().expect("a good snapshot")
}

fn run(kind: GroupKind, acts: &[(u32, Act)]) {
    let mut run = Run::new(kind);
    for (store, act) in acts {
        run.act(*store, act);
    }
    for (view, expected) in std::mem::take(&mut run.views) {
        run.check(view, &expected);
    }
    for machine in &run.machines {
        machine.validate().expect("every rule holds");
        assert_eq!(machine.view_bytes(), 0, "closed views hold nothing");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn views_of_a_cache_group_are_of_one_moment_whatever_is_applied_meanwhile(
        acts in prop::collection::vec(act(), 1..250),
    ) {
        run(GroupKind::Cache, &acts);
    }

    #[test]
    fn views_of_a_coordination_group_are_of_one_moment_whatever_is_applied_meanwhile(
        acts in prop::collection::vec(act(), 1..250),
    ) {
        run(GroupKind::Coordination, &acts);
    }

    #[test]
    fn damaged_pieces_are_refused_and_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
        size in 1..900_usize,
    ) {
        let mut run = Run::new(GroupKind::Coordination);
        for key in 0..40 {
            run.act(1, &Act::Put { key, size: 2 * key, expiry: key % 4, session: key % 4 });
        }
        let good = run.machines[0].snapshot();
        let mut bytes = good.clone();
        let slots = 9 * usize::from(crate::SLOTS);
        for (place, byte) in changes {
            let place = slots + place.index(bytes.len() - slots);
            bytes[place] = byte;
        }
        let end = if cut.index(2) == 0 { cut.index(bytes.len()) } else { bytes.len() };
        let mut reader = SnapshotReader::new(config(GroupKind::Coordination, 1));
        let refused = bytes[..end].chunks(size).find_map(|piece| reader.read(piece).err());
        let restored = reader.finish();
        prop_assert_eq!(restored.is_ok(), bytes[..end] == good[..]);
        prop_assert!(refused.is_none() || restored.is_err());
    }
}

#[test]
fn pieces_are_of_the_promised_size_and_make_up_the_snapshot() {
    let mut run = Run::new(GroupKind::Cache);
    for number in 0..3_000_u32 {
        run.change(
            1,
            0,
            Change::Put {
                key: &number.to_le_bytes(),
                value: &[7; 1_000],
                expiry: Expiry::NONE,
                condition: Condition::Always,
                never_evict: false,
                return_previous: false,
            },
        );
    }
    let machine = &run.machines[0];
    let pieces: Vec<Vec<u8>> = machine
        .snapshot_view()
        .map(|piece| piece.expect("it is the only one"))
        .collect();
    let (last, others) = pieces.split_last().expect("some");
    assert!(
        others
            .iter()
            .all(|piece| (PIECE..2 * PIECE).contains(&piece.len()))
    );
    assert!(last.len() < 2 * PIECE);
    assert!(pieces.concat() == machine.snapshot());
}

#[test]
fn one_view_too_many_gives_the_oldest_up_and_frees_what_it_held() {
    let mut run = Run::new(GroupKind::Cache);
    let put = |key, size| Act::Put {
        key,
        size,
        expiry: 0,
        session: 1,
    };
    (0..40).for_each(|key| run.act(1, &put(key, 50)));
    let mut oldest = run.machines[0].snapshot_view();
    (0..40).for_each(|key| run.act(1, &put(key, 51)));
    let held = oldest.held_bytes();
    assert!(held > 40 * 50, "{held}");
    let newer: Vec<MachineView> = (0..open::MOST_VIEWS)
        .map(|_| run.machines[0].snapshot_view())
        .collect();
    assert!(matches!(oldest.next(), Some(Err(ViewGivenUp))));
    assert!(oldest.next().is_none());
    let expected = run.machines[0].snapshot();
    for view in newer {
        let pieces: Vec<Vec<u8>> = view.map(|piece| piece.expect("it is not the oldest")).collect();
        assert!(pieces.concat() == expected);
    }
    drop(oldest);
    assert_eq!(run.machines[0].view_bytes(), 0);
}
