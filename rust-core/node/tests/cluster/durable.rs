//! Nodes that keep their coordination groups on disk.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use holdfast_node::server::ServeError;
use holdfast_proto::session::{Operation, RequestHeader, StoreClass};
use holdfast_proto::{Code, Outcome};

use super::nodes::{Nodes, Opened};
use super::peer::{request, until};

fn put_all(nodes: &Nodes, store: Opened, round: u8) {
    for number in 0..20_u8 {
        nodes.put(store, &[number], &[round, number]);
    }
}

fn has_all(nodes: &Nodes, store: Opened, round: u8) {
    for number in 0..20_u8 {
        assert_eq!(nodes.get(store, &[number]), Some(vec![round, number]));
    }
}

fn refusal(result: Result<(), ServeError>) -> String {
    match result {
        Err(ServeError::Data(error)) => error.to_string(),
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(()) => panic!("the node starts"),
    }
}

fn log_files(directory: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(directory.join("log")).expect("there is a log");
    let mut files: Vec<PathBuf> = files
        .map(|file| file.expect("it can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "raftlog"))
        .collect();
    files.sort();
    files
}

/// Changes a byte of a file; `place` gets its content.
fn flip(path: &Path, place: impl FnOnce(&[u8]) -> usize) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .expect("the file opens");
    let mut content = Vec::new();
    file.read_to_end(&mut content).expect("it can be read");
    let place = place(&content);
    file.seek(SeekFrom::Start(place as u64))
        .expect("it has that place");
    file.write_all(&[content[place] ^ 0x55])
        .expect("it can be written");
}

#[test]
fn three_nodes_that_die_at_once_come_back_as_themselves_with_every_acknowledged_change() {
    let mut nodes = Nodes::on_disk(3).form();
    let before = nodes.map();
    let (table, cache) = (
        nodes.open("table", StoreClass::Coordination),
        nodes.open("cache", StoreClass::Cache),
    );
    for round in 0..3 {
        put_all(&nodes, table, round);
        put_all(&nodes, cache, round);
        (0..3).for_each(|node| nodes.kill(node));
        (0..3).for_each(|node| nodes.start(node));
        nodes.wait_until_ready();
        has_all(&nodes, table, round);
        // What was in memory is gone, and clients can tell.
        assert_eq!(nodes.get(cache, &[1]), None);
    }
    let after = nodes.map();
    assert_eq!(after.cluster_id, before.cluster_id);
    assert_eq!(after.nodes.len(), 3);
    for (before, after) in before.groups.iter().zip(&after.groups) {
        let is_cache = before.id > 4;
        assert_eq!(after.epoch > before.epoch, is_cache, "group {}", before.id);
    }
}

#[test]
fn each_node_in_turn_dies_and_comes_back_and_nothing_is_lost() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    for round in 0..3_u8 {
        nodes.kill(usize::from(round));
        put_all(&nodes, table, round);
        nodes.start(usize::from(round));
        nodes.wait_until_ready();
        has_all(&nodes, table, round);
    }
}

#[test]
fn a_leader_that_hears_of_no_majority_makes_no_change_and_says_that_it_made_none() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    nodes.put(table, b"key", b"agreed");
    let leader = nodes.leader_of_key(table, b"key");
    let others = (0..3).filter(|node| *node != leader);
    others.clone().for_each(|node| nodes.kill(node));

    let mut peer = nodes.connect(leader, 9);
    let mut ask = |operation, value: &[u8]| {
        let request = RequestHeader {
            timeout_ms: 2_000,
            ..request(operation, table.id)
        };
        peer.call(request, b"key", value).header
    };
    until("a read finds that nobody agrees", || {
        ask(Operation::Get, &[]).code == Code::Unavailable.number()
    });
    for _ in 0..3 {
        let refused = ask(Operation::Put, b"of one").error().expect("nobody agrees");
        assert_eq!(
            (refused.code, refused.outcome),
            (Code::Unavailable, Outcome::NotApplied),
            "{refused}"
        );
    }

    others.for_each(|node| nodes.start(node));
    nodes.wait_until_ready();
    assert_eq!(nodes.get(table, b"key").as_deref(), Some(&b"agreed"[..]));
}

#[test]
fn a_planned_stop_gives_the_directory_back_and_the_node_returns_as_itself() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    put_all(&nodes, table, 1);
    nodes.stop(0);
    put_all(&nodes, table, 2);
    nodes.start(0);
    nodes.wait_until_ready();
    has_all(&nodes, table, 2);
}

#[test]
fn a_node_with_an_emptied_directory_is_a_new_one_and_has_forgotten_no_vote() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    put_all(&nodes, table, 1);
    nodes.kill(0);
    nodes.give_empty_disk(0);
    nodes.start(0);
    nodes.wait_until_ready();
    assert_eq!(nodes.map().nodes.len(), 3);
    // It counts: another one may go.
    nodes.kill(1);
    has_all(&nodes, table, 1);
}

#[test]
fn a_directory_that_others_have_outlived_is_refused() {
    let mut nodes = Nodes::on_disk(3).form();
    nodes.kill(0);
    let old = nodes.take_disk(0).expect("it has one");
    nodes.give_empty_disk(0);
    nodes.start(0);
    nodes.wait_until_ready();
    nodes.kill(0);
    nodes.put_disk(0, old);
    nodes.start(0);
    until("the others refuse it", || {
        nodes.has_logged("was replaced while this data directory was away")
    });
    assert!(!nodes.is_ready(0));
}

#[test]
fn another_nodes_directory_is_refused() {
    let mut nodes = Nodes::on_disk(3).form();
    nodes.kill(0);
    nodes.kill(1);
    nodes.swap_disks(0, 1);
    let message = refusal(nodes.try_start(0));
    assert!(
        message.contains("node 'n1'") && message.contains("--node"),
        "{message}"
    );
    nodes.swap_disks(0, 1);
    nodes.start(0);
    nodes.start(1);
    nodes.wait_until_ready();
}

#[test]
fn a_directory_in_use_is_refused() {
    let mut nodes = Nodes::on_disk(3).form();
    let message = match nodes.try_start_again(0) {
        Err(ServeError::Data(error)) => {
            assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
            error.to_string()
        }
        other => panic!("{:?}", other.err()),
    };
    assert!(
        message.contains("another process uses the directory"),
        "{message}"
    );
}

#[test]
fn a_directory_of_another_cluster_is_refused() {
    let mut others = Nodes::on_disk(3).form();
    let mut nodes = Nodes::on_disk(3).form();
    others.kill(0);
    nodes.kill(0);
    let own = nodes.take_disk(0);
    nodes.put_disk(0, others.take_disk(0).expect("it has one"));
    nodes.start(0);
    let message = nodes.displaced(0);
    assert!(message.contains("the data directory is of cluster"), "{message}");
    nodes.stop(0);
    nodes.put_disk(0, own.expect("it had one"));
    nodes.start(0);
    nodes.wait_until_ready();
}

#[test]
fn nodes_that_disagree_on_where_data_is_are_refused() {
    let mut nodes = Nodes::on_disk(3).form();
    nodes.kill(2);
    let disk = nodes.take_disk(2).expect("it has one");
    nodes.start(2);
    let message = nodes.displaced(2);
    assert!(
        message.contains("start this node with a data directory"),
        "{message}"
    );
    nodes.stop(2);
    nodes.put_disk(2, disk);
    nodes.start(2);
    nodes.wait_until_ready();

    let mut nodes = Nodes::formed(3);
    nodes.kill(2);
    nodes.give_empty_disk(2);
    nodes.start(2);
    let message = nodes.displaced(2);
    assert!(
        message.contains("start this node without a data directory"),
        "{message}"
    );
}

#[test]
fn nodes_may_all_come_back_at_other_addresses() {
    let mut nodes = Nodes::on_disk(3).form();
    let cluster = nodes.map().cluster_id;
    let table = nodes.open("table", StoreClass::Coordination);
    put_all(&nodes, table, 1);
    (0..3).for_each(|node| nodes.kill(node));
    nodes.move_all();
    (0..3).for_each(|node| nodes.start(node));
    nodes.wait_until_ready();
    has_all(&nodes, table, 1);
    let map = nodes.map();
    assert_eq!(map.cluster_id, cluster);
    for node in 0..3 {
        assert!(map.nodes.iter().any(|it| it.address == nodes.address(node)));
    }
}

#[test]
fn a_log_with_a_flipped_byte_is_never_served_and_the_node_can_start_as_a_new_one() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    put_all(&nodes, table, 1);
    nodes.put(table, b"marked", b"the value that is found again");
    put_all(&nodes, table, 2);
    nodes.kill(0);
    let log = log_files(nodes.disk(0)).pop().expect("it has a log");
    flip(&log, |content| {
        let wanted = b"the value that is found again";
        let found = content.windows(wanted.len()).position(|window| window == wanted);
        found.expect("it was written")
    });
    let group = nodes.group(table, b"");
    nodes.start(0);
    until("the node says so", || {
        nodes.has_logged(&format!("group {group} cannot start"))
    });
    assert!(nodes.has_logged("it comes back as a new node") && !nodes.is_ready(0));
    nodes.stop(0);
    // The others go on.
    has_all(&nodes, table, 2);
    nodes.give_empty_disk(0);
    nodes.start(0);
    nodes.wait_until_ready();
    nodes.kill(1);
    has_all(&nodes, table, 2);
}

#[test]
fn a_torn_end_of_a_log_costs_nothing_that_was_acknowledged() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    put_all(&nodes, table, 1);
    nodes.kill(0);
    let log = log_files(nodes.disk(0)).pop().expect("it has a log");
    // A write that the crash cut off: the beginning of a batch that never was.
    let mut content = std::fs::read(&log).expect("it can be read");
    let torn = content[content.len() / 2..content.len() / 2 + 40].to_vec();
    content.extend_from_slice(&torn);
    std::fs::write(&log, content).expect("it can be written");
    nodes.start(0);
    nodes.wait_until_ready();
    nodes.kill(1);
    has_all(&nodes, table, 1);
}

#[test]
fn a_damaged_snapshot_is_never_served_and_the_node_says_what_to_do() {
    let mut nodes = Nodes::on_disk(3).form();
    let table = nodes.open("table", StoreClass::Coordination);
    let group = nodes.group(table, b"");
    let snapshot = nodes.disk(0).join("snapshots").join(group.to_string());
    let value = vec![7; 512 * 1024];
    let mut written = 0_u32;
    // A log is cut, and a snapshot written for that, when it has more than 64 MiB.
    while !snapshot.exists() {
        nodes.put(table, &written.to_le_bytes(), &value);
        written += 1;
        assert!(written < 1_000, "no snapshot is written");
    }
    nodes.kill(0);
    flip(&snapshot, |content| content.len() / 2);
    nodes.start(0);
    until("the node says so", || {
        nodes.has_logged(&format!("group {group} cannot start"))
    });
    assert!(nodes.has_logged("move") && !nodes.is_ready(0));
    nodes.stop(0);
    // The others go on.
    nodes.put(table, b"after", b"it");
    nodes.give_empty_disk(0);
    nodes.start(0);
    nodes.wait_until_ready();
    nodes.kill(1);
    assert_eq!(nodes.get(table, b"after").as_deref(), Some(&b"it"[..]));
    assert_eq!(nodes.get(table, &0_u32.to_le_bytes()), Some(value));
}
