//! Entries of the log: what is written is read, what cannot be understood stops the replica.

mod common;

use common::*;
use holdfast_state::*;
use proptest::prelude::*;
use smallvec::SmallVec;

/// A command that owns its bytes.
#[derive(Clone, Debug)]
struct Owned {
    kind: u8,
    key: Vec<u8>,
    value: Vec<u8>,
    numbers: [i64; 4],
    expiry: Expiry,
    condition: Condition,
    flags: (bool, bool),
    tag: Option<SessionTag>,
    name: String,
}

impl Owned {
    fn command<'a>(&'a self, victims: &'a [EntryRef], touches: &'a [TouchedEntry]) -> Command<'a> {
        let [a, b, c, d] = self.numbers;
        let (key, value, expiry, condition) = (&*self.key, &*self.value, self.expiry, self.condition);
        let (first, second) = self.flags;
        let limit = a as u32;
        let change = match self.kind {
            0 => Change::Put {
                key,
                value,
                expiry,
                condition,
                never_evict: first,
                return_previous: second,
            },
            1 => Change::Delete {
                key,
                condition,
                return_previous: first,
            },
            2 => Change::SetExpiry {
                key,
                expiry,
                condition,
            },
            3 => Change::Refresh { key },
            4 => Change::Increment {
                key,
                delta: a,
                minimum: b,
                maximum: c,
                initial: d,
                expiry,
                reset_expiry: first,
            },
            5 => Change::Clear {
                range: match (first, second) {
                    (false, false) => KeyRange::All,
                    (false, true) => KeyRange::Prefix(key),
                    (true, some) => KeyRange::Range {
                        first: key,
                        end: some.then_some(value),
                    },
                },
                through: b,
                limit,
            },
            6 => Change::Touch {
                touches: touches.into(),
            },
            7 => Change::Expire {
                up_to: Timestamp(b),
                limit,
            },
            8 => Change::Evict {
                victims: victims.into(),
            },
            9 => Change::Sweep { limit },
            _ => return Command::Group(self.group_command()),
        };
        Command::InStore {
            store: StoreId(b as u32),
            slot: Slot(c as u16),
            session: self.tag,
            change,
        }
    }

    fn group_command(&self) -> GroupCommand<'_> {
        let [a, b, c, _] = self.numbers;
        let session = u128::from(a as u64) << 64 | u128::from(b as u64);
        match self.kind {
            10 => GroupCommand::DefineStore {
                id: StoreId(a as u32),
                name: &self.name,
                settings: StoreSettings {
                    default_ttl_ms: self.expiry.ttl_ms,
                    hash_tags: self.flags.0,
                    ..StoreSettings::new(StoreClass::Cache, b as u64)
                },
            },
            11 => GroupCommand::OpenSession { session },
            12 => GroupCommand::CloseSession { session },
            13 => GroupCommand::SetSlot {
                slot: Slot(a as u16),
                ownership: [
                    Ownership::Foreign,
                    Ownership::Owned,
                    Ownership::Importing,
                    Ownership::Sealed,
                ][(b & 3) as usize],
                epoch: b as u64,
                revision: c,
            },
            14 => GroupCommand::RaiseFeatureLevel { level: a as u32 },
            15 => GroupCommand::BeginEpoch {
                epoch: a as u64,
                revision: b,
            },
            16 => GroupCommand::SetBudget {
                store: StoreId(a as u32),
                bytes: b as u64,
            },
            _ => GroupCommand::WatchHistory {
                store: StoreId(a as u32),
                on: self.flags.0,
            },
        }
    }
}

const KINDS: u8 = 18;

fn owned() -> impl Strategy<Value = Owned> {
    let condition = prop_oneof![
        Just(Condition::Always),
        Just(Condition::Absent),
        Just(Condition::Present),
        any::<i64>().prop_map(Condition::Version),
    ];
    let expiry = (any::<Option<u64>>(), any::<Option<u64>>(), any::<Option<i64>>());
    let expiry = expiry.prop_map(|(ttl_ms, sliding_ms, absolute_unix_ms)| Expiry {
        ttl_ms,
        sliding_ms,
        absolute_unix_ms,
    });
    let tag = prop::option::of((any::<u128>(), any::<u64>(), any::<u64>()));
    let tag = tag.prop_map(|tag| {
        tag.map(|(session, sequence, first_unacknowledged)| SessionTag {
            session,
            sequence,
            first_unacknowledged,
        })
    });
    let bytes = || prop::collection::vec(any::<u8>(), 0..40);
    let what = (0..KINDS, bytes(), bytes(), any::<[i64; 4]>());
    (what, expiry, condition, any::<(bool, bool)>(), tag, ".{0,12}").prop_map(
        |((kind, key, value, numbers), expiry, condition, flags, tag, name)| Owned {
            kind,
            key,
            value,
            numbers,
            expiry,
            condition,
            flags,
            tag,
            name,
        },
    )
}

/// Entries to name in commands: of a store that holds a few.
fn held() -> (Vec<EntryRef>, Vec<TouchedEntry>) {
    let group = solo_cache();
    for key in ["a", "b", "c"] {
        group.put(key, "value");
    }
    let mut victims = SmallVec::new();
    group.machine.victims(&group.store, u64::MAX, &mut victims);
    assert_eq!(victims.len(), 3);
    let touches = victims.iter().cloned().enumerate();
    let touches = touches.map(|(number, entry)| TouchedEntry {
        entry,
        access_at: Timestamp(number as i64 - 1),
    });
    (victims.to_vec(), touches.collect())
}

fn entry_of(at: i64, commands: &[Command<'_>]) -> Vec<u8> {
    let mut writer = EntryWriter::new(Timestamp(at), 100);
    for command in commands {
        let bytes = command.encode();
        let before = writer.bytes();
        writer.push(&bytes);
        assert_eq!(writer.bytes() - before, EntryWriter::bytes_of(bytes.len()));
    }
    assert_eq!(
        (writer.len(), writer.is_empty()),
        (commands.len(), commands.is_empty())
    );
    let size = writer.bytes();
    let bytes = writer.finish();
    assert_eq!(bytes.len(), size);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_reads_back_as_it_was_written(all in prop::collection::vec(owned(), 0..8), at: i64) {
        let (victims, touches) = held();
        let commands: Vec<_> = all.iter().map(|owned| owned.command(&victims, &touches)).collect();
        let bytes = entry_of(at, &commands);
        let entry = LogEntry::decode(&bytes).expect("it was just written");
        prop_assert_eq!((entry.at, entry.format, entry.len()), (Timestamp(at), LOG_FORMAT, commands.len()));
        let read: Vec<_> = entry.commands().map(|bytes| Command::decode(bytes).expect("as above")).collect();
        prop_assert_eq!(format!("{read:?}"), format!("{commands:?}"));
        prop_assert_eq!(entry_of(at, &read), bytes);
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(all in prop::collection::vec(owned(), 1..3), cut: u16, flip: u16, to: u8) {
        let (victims, touches) = held();
        let commands: Vec<_> = all.iter().map(|owned| owned.command(&victims, &touches)).collect();
        for command in &commands {
            let mut bytes = command.encode();
            let place = usize::from(flip) % bytes.len();
            bytes[place] = to;
            if let Ok(command) = Command::decode(&bytes) {
                prop_assert_eq!(command.encode(), bytes.clone(), "one meaning, one encoding");
            }
            let short = &bytes[..usize::from(cut) % bytes.len()];
            prop_assert!(Command::decode(short).is_err(), "a part is not a command");
        }
        let mut bytes = entry_of(1, &commands);
        let place = usize::from(flip) % bytes.len();
        if bytes[place] != to {
            bytes[place] = to;
            prop_assert!(LogEntry::decode(&bytes).is_err(), "damage is seen");
        }
        prop_assert!(LogEntry::decode(&bytes[..place]).is_err());
    }
}

#[test]
fn an_unknown_command_or_format_stops_the_replica_and_nothing_of_its_entry_is_applied() {
    let group = Group::new(StoreSettings::new(StoreClass::Cache, 1 << 20), 500);
    let before = group.machine.snapshot();
    let known = Command::InStore {
        store: STORE,
        slot: Slot(0),
        session: None,
        change: put("a", "one", Expiry::NONE, Condition::Always),
    };
    let numbers = [0, 11, 63, 200, 255];
    for number in numbers {
        let mut unknown = known.encode();
        unknown[0] = number;
        let mut writer = EntryWriter::new(Timestamp(START + 1), 0);
        writer.push(&known.encode());
        writer.push(&unknown);
        let bytes = writer.finish();
        let entry = LogEntry::decode(&bytes).expect("the envelope is sound");
        let refused = group
            .machine
            .apply_entry(&entry, &mut NoEvents)
            .expect_err("it is unknown");
        assert_eq!(refused, LogError::UnknownCommand { number });
    }
    let mut longer = known.encode();
    longer.push(0);
    assert!(
        matches!(Command::decode(&longer), Err(LogError::Unreadable(_))),
        "an unknown field"
    );
    let mut newer = entry_of(START, &[known]);
    newer[0] = LOG_FORMAT as u8 + 1;
    let refused = LogEntry::decode(&newer).expect_err("it is newer");
    let SnapshotError::UnknownFormat { found, newest } = (match refused {
        LogError::Unreadable(error) => error,
        other => panic!("{other:?}"),
    }) else {
        panic!("another error")
    };
    assert_eq!((found, newest), (LOG_FORMAT + 1, LOG_FORMAT));
    let newer = Command::Group(GroupCommand::RaiseFeatureLevel {
        level: FEATURE_LEVEL + 1,
    });
    let bytes = entry_of(START, &[known, newer]);
    let entry = LogEntry::decode(&bytes).expect("it is sound");
    let refused = group.machine.apply_entry(&entry, &mut NoEvents);
    assert!(
        matches!(refused, Err(LogError::FeatureLevel { .. })),
        "{refused:?}"
    );
    assert!(group.machine.snapshot() == before);
}

/// Every command, as the first build wrote it.
const GOLDEN: &[u8] = include_bytes!("log_1.bin");

fn golden() -> Vec<Owned> {
    let of_kind = |kind| Owned {
        kind,
        key: vec![b'k', kind],
        value: vec![b'v'; usize::from(kind)],
        numbers: [i64::from(kind) + 1, 20, 300, -4],
        expiry: Expiry {
            ttl_ms: (kind & 1 == 0).then_some(60_000),
            sliding_ms: (kind & 2 == 0).then_some(700),
            absolute_unix_ms: (kind & 4 == 0).then_some(START),
        },
        condition: match kind & 3 {
            0 => Condition::Version(77),
            1 => Condition::Absent,
            2 => Condition::Present,
            _ => Condition::Always,
        },
        flags: (kind & 1 == 1, kind & 2 == 0),
        tag: (kind & 1 == 0).then_some(SessionTag {
            session: 0xFEED,
            sequence: 5,
            first_unacknowledged: 4,
        }),
        name: "default/golden".to_owned(),
    };
    (0..KINDS).map(of_kind).collect()
}

#[test]
fn the_log_format_stays_as_it_was_published() {
    let (victims, touches) = held();
    let owned = golden();
    let commands: Vec<_> = owned
        .iter()
        .map(|owned| owned.command(&victims, &touches))
        .collect();
    let written = entry_of(START, &commands);
    if std::env::var_os("HOLDFAST_WRITE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/log_1.bin"), &written)
            .expect("the golden file is written");
    }
    assert!(written == GOLDEN);
    let entry = LogEntry::decode(GOLDEN).expect("it is readable");
    let read: Vec<_> = entry
        .commands()
        .map(|bytes| Command::decode(bytes).expect("as above"))
        .collect();
    assert_eq!(format!("{read:?}"), format!("{commands:?}"));
}
