//! What a node that is alone keeps on disk, over restarts, crashes, damage and a full disk.
#![cfg(feature = "durable")]

use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::sync::Arc;

use holdfast_replication::{GroupFailed, Solo, SoloDirectory};
use holdfast_state::{
    Change, Command, Condition, Expiry, GroupCommand, GroupId, GroupKind, KeyRange, MachineConfig, Outcome,
    Query, SessionTag, Slot, Store, StoreClass, StoreId, StoreSettings, Timestamp,
};
use tempfile::TempDir;

const GROUP: GroupId = GroupId(2);
const STORE: StoreId = StoreId(7);
const SESSION: u128 = 99;
const NOW: Timestamp = Timestamp(1_000);

/// A group of a node that is alone.
struct Alone {
    directory: SoloDirectory,
    group: Arc<Solo>,
}

fn config() -> MachineConfig {
    MachineConfig {
        kind: GroupKind::Coordination,
        first_revision: 5_000,
        feature_level: 1,
        seed: 3,
        touch_interval_ms: 0,
        group_index: 0,
        group_count: 1,
    }
}

impl Alone {
    fn open(path: &Path) -> Result<Alone, String> {
        Self::bounded(path, 64 * 1024 * 1024)
    }

    fn bounded(path: &Path, log_bytes: u64) -> Result<Alone, String> {
        let directory = SoloDirectory::open(path)
            .map_err(|error| error.to_string())?
            .with_log_bytes(log_bytes);
        let group = directory.group(GROUP, config());
        let group = Arc::new(group.map_err(|error| error.to_string())?);
        Ok(Alone { directory, group })
    }

    /// With a store.
    fn begun(path: &Path) -> Alone {
        let alone = Self::open(path).expect("an empty directory will do");
        let settings = StoreSettings::new(StoreClass::Coordination, 64 * 1024 * 1024);
        let define = GroupCommand::DefineStore {
            id: STORE,
            name: "default/orders",
            settings,
        };
        alone
            .group
            .propose(NOW, &[Command::Group(define)])
            .expect("it is written");
        alone
    }

    fn store(&self) -> Arc<Store> {
        self.group.machine().store(STORE).expect("the store is there")
    }

    fn change(&self, at: Timestamp, change: &Change<'_>) -> Result<Outcome, GroupFailed> {
        let store = self.store();
        let key = change.key().unwrap_or_default();
        self.group.change(&store, at, store.place(key), change)
    }

    fn put(&self, key: &str, value: &[u8]) -> Result<i64, GroupFailed> {
        match self.change(NOW, &put(key, value, Expiry::NONE))? {
            Outcome::Changed { version, .. } => Ok(version),
            other => panic!("{other:?}"),
        }
    }

    fn get(&self, at: Timestamp, key: &str) -> Option<(Vec<u8>, i64)> {
        let store = self.store();
        self.group
            .get(
                &store,
                || at,
                store.place(key.as_bytes()),
                key.as_bytes(),
                true,
                |entry| (entry.value().to_vec(), entry.version()),
            )
            .expect("reads work")
            .expect("reads work")
    }

    fn count(&self) -> u64 {
        let query = Query::Count {
            store: STORE,
            range: KeyRange::All,
        };
        match self.group.query(&self.store(), NOW, &query) {
            Ok(Outcome::Count(count)) => count,
            other => panic!("{other:?}"),
        }
    }

    /// Everything that replicas would have.
    fn state(&self) -> Vec<u8> {
        self.group.machine().snapshot()
    }

    fn close(self) {
        self.group.settle();
        self.directory.close();
    }
}

fn put<'a>(key: &'a str, value: &'a [u8], expiry: Expiry) -> Change<'a> {
    Change::Put {
        key: key.as_bytes(),
        value,
        expiry,
        condition: Condition::Always,
        never_evict: false,
        return_previous: false,
    }
}

fn log_file(path: &Path) -> PathBuf {
    let files = std::fs::read_dir(path.join("log")).unwrap();
    let mut files: Vec<PathBuf> = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "raftlog"))
        .collect();
    files.sort();
    files.pop().unwrap()
}

#[test]
fn every_acknowledged_change_is_there_after_a_restart_with_its_revision() {
    let directory = TempDir::new().unwrap();
    let mut alone = Alone::begun(directory.path());
    let mut versions = Vec::new();
    for round in 0..3 {
        for number in 0..50 {
            let key = format!("{round}-{number}");
            versions.push((key.clone(), alone.put(&key, key.as_bytes()).unwrap()));
        }
        let before = alone.state();
        // Not closed: as a crash leaves it, except that the lock is free.
        drop(alone);
        alone = Alone::open(directory.path()).unwrap();
        assert_eq!(alone.state(), before);
    }
    for (key, version) in &versions {
        assert_eq!(alone.get(NOW, key), Some((key.as_bytes().to_vec(), *version)));
    }
    let next = alone.put("next", b"").unwrap();
    assert!(next > versions.last().unwrap().1, "revisions go on");
    alone.close();
}

#[test]
fn changes_of_many_threads_are_all_there_and_in_one_order() {
    let directory = TempDir::new().unwrap();
    let alone = Alone::begun(directory.path());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let alone = &alone;
            scope.spawn(move || {
                for number in 0..50 {
                    alone
                        .put("shared", format!("{thread}-{number}").as_bytes())
                        .unwrap();
                    let key = format!("{thread}-{number}");
                    alone.put(&key, b"own").unwrap();
                    assert!(alone.get(NOW, &key).is_some(), "what is answered can be read");
                }
            });
        }
    });
    assert_eq!(alone.count(), 8 * 50 + 1);
    let before = alone.state();
    drop(alone);
    let alone = Alone::open(directory.path()).unwrap();
    assert_eq!(alone.state(), before);
    alone.close();
}

#[test]
fn a_retry_after_a_restart_gets_the_first_outcome() {
    let directory = TempDir::new().unwrap();
    let alone = Alone::begun(directory.path());
    alone.group.open_session(NOW, SESSION).unwrap();
    let increment = Change::Increment {
        key: b"count",
        delta: 1,
        minimum: i64::MIN,
        maximum: i64::MAX,
        initial: 0,
        expiry: Expiry::NONE,
        reset_expiry: false,
    };
    let once = |alone: &Alone| {
        let tag = SessionTag {
            session: SESSION,
            sequence: 1,
            first_unacknowledged: 1,
        };
        let store = alone.store();
        alone
            .group
            .change_logged(&store, NOW, Slot(0), &increment, Some(tag))
            .unwrap()
    };
    let first = format!("{:?}", once(&alone));
    drop(alone);
    let alone = Alone::open(directory.path()).unwrap();
    assert_eq!(format!("{:?}", once(&alone)), first);
    assert_eq!(alone.get(NOW, "count").unwrap().0, b"1");
    alone.close();
}

#[test]
fn time_goes_on_from_the_last_stamp_and_reads_keep_sliding_entries_alive_over_a_restart() {
    let directory = TempDir::new().unwrap();
    let alone = Alone::begun(directory.path());
    alone
        .change(Timestamp(2_000), &put("short", b"", Expiry::after_ms(1_000)))
        .unwrap();
    alone
        .change(Timestamp(2_000), &put("long", b"", Expiry::after_ms(60_000)))
        .unwrap();
    alone
        .change(Timestamp(2_000), &put("sliding", b"", Expiry::sliding(5_000)))
        .unwrap();
    assert!(alone.get(Timestamp(6_000), "sliding").is_some());
    while alone.group.keep(Timestamp(6_100)).unwrap() {}
    assert_eq!(alone.group.machine().applied_at(), Timestamp(6_100));
    let before = alone.state();
    drop(alone);
    let alone = Alone::open(directory.path()).unwrap();
    assert_eq!(alone.state(), before);
    assert_eq!(alone.group.machine().applied_at(), Timestamp(6_100));
    assert!(alone.get(Timestamp(6_100), "short").is_none());
    assert!(alone.get(Timestamp(6_100), "long").is_some());
    // Read at 6,000, so alive until 11,000.
    assert!(alone.get(Timestamp(10_900), "sliding").is_some());
    alone.close();
}

#[test]
fn a_long_log_is_cut_behind_a_snapshot() {
    let directory = TempDir::new().unwrap();
    let mut alone = Alone::begun(directory.path());
    let snapshot = directory.path().join("snapshots/2");
    let begin = std::fs::metadata(&snapshot).unwrap().len();
    alone.close();
    for round in 0..4 {
        alone = Alone::bounded(directory.path(), 20_000).unwrap();
        for number in 0..300 {
            alone
                .put(
                    &format!("{}", number % 20),
                    format!("{round}-{number:0100}").as_bytes(),
                )
                .unwrap();
            alone.group.keep(NOW).unwrap();
        }
        let before = alone.state();
        alone.close();
        alone = Alone::bounded(directory.path(), 20_000).unwrap();
        assert_eq!(alone.state(), before);
        alone.close();
    }
    assert!(std::fs::metadata(&snapshot).unwrap().len() > begin);
}

#[test]
fn damage_is_refused_and_named() {
    let directory = TempDir::new().unwrap();
    let alone = Alone::begun(directory.path());
    for number in 0..50 {
        alone.put(&format!("key-{number:050}"), b"value").unwrap();
    }
    let state = alone.state();
    alone.close();
    let refused = |file: &str| {
        let error = Alone::open(directory.path()).err().expect("damage is refused");
        let path = directory.path().join(file);
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains("bring the directory back from a copy"), "{error}");
    };
    let log = log_file(directory.path());
    let content = std::fs::read(&log).unwrap();
    let mut flipped = content.clone();
    let wanted = format!("key-{:050}", 25);
    let place = flipped
        .windows(wanted.len())
        .position(|window| window == wanted.as_bytes())
        .unwrap();
    flipped[place + 30] ^= 1;
    std::fs::write(&log, &flipped).unwrap();
    refused("log");
    // Opening may have cut it.
    for entry in std::fs::read_dir(directory.path().join("log")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "raftlog") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(&log, &content).unwrap();
    let snapshot = directory.path().join("snapshots/2");
    let content = std::fs::read(&snapshot).unwrap();
    let mut flipped = content.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    std::fs::write(&snapshot, &flipped).unwrap();
    refused("snapshots/2");
    std::fs::remove_file(&snapshot).unwrap();
    refused("snapshots/2");
    std::fs::write(&snapshot, &content).unwrap();
    let alone = Alone::open(directory.path()).unwrap();
    assert_eq!(alone.state(), state);
    alone.close();
}

#[test]
fn a_directory_in_use_is_refused() {
    let directory = TempDir::new().unwrap();
    let alone = Alone::begun(directory.path());
    let second = Alone::open(directory.path()).err().expect("it is in use");
    assert!(second.contains("another process uses the directory"), "{second}");
    alone.close();
    Alone::open(directory.path()).unwrap().close();
}

/// Runs one of the tests below in a process that may write files of so many 512-byte blocks only.
fn with_file_limit(test: &str, blocks: u64, directory: &Path) -> String {
    let script =
        format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" --exact {test} --ignored --nocapture");
    let done = Process::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env("HOLDFAST_TEST_DIRECTORY", directory)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(
        done.status.success(),
        "{output}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    output
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_fails_changes_and_neither_reads_nor_the_process() {
    let directory = TempDir::new().unwrap();
    let output = with_file_limit("writes_until_the_disk_is_full", 256, directory.path());
    let acknowledged: u64 = output
        .lines()
        .find_map(|line| line.strip_prefix("acknowledged "))
        .expect("it says how many")
        .parse()
        .unwrap();
    assert!(acknowledged > 0);
    let alone = Alone::open(directory.path()).unwrap();
    for number in 0..acknowledged {
        assert!(
            alone.get(NOW, &number.to_string()).is_some(),
            "{number} was acknowledged"
        );
    }
    // The change that failed may be there; none after it.
    assert!(alone.count() <= acknowledged + 1);
    alone.put("room again", b"").unwrap();
    alone.close();
}

#[test]
#[ignore = "run by another test, with a limit on files"]
fn writes_until_the_disk_is_full() {
    let Some(directory) = std::env::var_os("HOLDFAST_TEST_DIRECTORY") else {
        return;
    };
    let alone = Alone::begun(Path::new(&directory));
    let value = vec![b'v'; 2_000];
    let mut number = 0;
    let failed = loop {
        match alone.put(&number.to_string(), &value) {
            Ok(_) => number += 1,
            Err(failed) => break failed,
        }
        assert!(number < 10_000, "the limit does not work");
    };
    let GroupFailed::Storage(failed) = failed else {
        panic!("{failed}");
    };
    assert!(failed.is_perhaps_applied());
    let refused = alone.put("refused", b"").unwrap_err();
    let GroupFailed::Storage(refused) = refused else {
        panic!("{refused}");
    };
    assert!(!refused.is_perhaps_applied());
    assert_eq!(alone.count(), number);
    assert!(alone.get(NOW, "0").is_some());
    assert!(alone.get(NOW, &number.to_string()).is_none());
    println!("acknowledged {number}");
    alone.close();
}
