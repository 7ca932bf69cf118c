//! Operations on many keys of a cache store: asked of every group, answered as one.

use std::time::Duration;

use holdfast_proto::session::{ItemReader, Operation, ReplyHeader, RequestHeader, flags, push_item};
use holdfast_proto::{Code, Outcome};

use super::cluster_machine::place;
use super::fake_cluster::{FakeCluster, LONG, keys_in};
use super::recorder::{Done, TestClient, client, request};
use crate::settings::StoreSettings;

const KEYS: usize = 200;

fn key(index: usize) -> Vec<u8> {
    format!("key-{index}").into_bytes()
}

/// A client with a cache store that has some entries.
fn filled(cluster: &FakeCluster) -> TestClient {
    let client = client(cluster.options(&[0, 1, 2]));
    client
        .client
        .open_store("pages", &StoreSettings::default())
        .unwrap();
    for index in 0..KEYS {
        ask(
            &client,
            index as u64,
            request(Operation::Put),
            &key(index),
            &value(index),
        );
    }
    client.sink.wait_completed(KEYS);
    client
}

fn value(index: usize) -> Vec<u8> {
    format!("value of {index}").into_bytes()
}

fn ask(client: &TestClient, ticket: u64, header: RequestHeader, key: &[u8], value: &[u8]) {
    client
        .client
        .submit(ticket, 1, header, key, value, Some(LONG))
        .unwrap();
}

fn items(of: impl Iterator<Item = (Operation, Vec<u8>, Vec<u8>)>) -> (u32, Vec<u8>) {
    let (mut count, mut payload) = (0, Vec::new());
    for (operation, key, value) in of {
        let header = RequestHeader {
            key_length: key.len() as u32,
            value_length: value.len() as u32,
            ..request(operation)
        };
        push_item(&mut payload, &header, &key, &value);
        count += 1;
    }
    (count, payload)
}

fn many(operation: Operation, (items, payload): (u32, Vec<u8>)) -> (RequestHeader, Vec<u8>) {
    let header = RequestHeader {
        items,
        ..request(operation)
    };
    (header, payload)
}

fn answers(done: &Done) -> Vec<(ReplyHeader, Vec<u8>, Vec<u8>)> {
    let (mut reader, mut answers) = (ItemReader::new(done.payload()), Vec::new());
    while let Some((header, key, value)) = reader.next().unwrap() {
        answers.push((header, key.to_vec(), value.to_vec()));
    }
    let header = &done.result.as_ref().unwrap().0;
    assert_eq!(header.items as usize, answers.len());
    answers
}

#[test]
fn many_keys_are_read_from_all_groups_and_answered_in_the_order_of_the_question() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    let wanted: Vec<usize> = (0..KEYS + 20).rev().step_by(3).collect();
    let (header, payload) = many(
        Operation::GetMany,
        items(
            wanted
                .iter()
                .map(|&index| (Operation::Get, key(index), Vec::new())),
        ),
    );
    ask(&client, 1_000, header, &[], &payload);
    let answers = answers(&client.done(1_000));
    assert_eq!(answers.len(), wanted.len());
    for (index, (header, _, got)) in wanted.into_iter().zip(answers) {
        let expected = if index < KEYS { value(index) } else { Vec::new() };
        assert_eq!((header.flags & flags::FOUND != 0, got), (index < KEYS, expected));
    }
    assert_eq!(cluster.state().count(|seen| seen.is(Operation::GetMany)), 8);
}

#[test]
fn many_keys_of_one_group_are_one_request() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    let keys = keys_in(7, 5);
    let (header, payload) = many(
        Operation::GetMany,
        items(keys.into_iter().map(|key| (Operation::Get, key, Vec::new()))),
    );
    ask(&client, 1_000, header, &[], &payload);
    assert_eq!(answers(&client.done(1_000)).len(), 5);
    let asked: Vec<_> = cluster
        .state()
        .seen
        .iter()
        .filter(|seen| seen.is(Operation::GetMany))
        .cloned()
        .collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn a_batch_is_applied_once_in_each_group_though_leaders_move_and_answers_are_lost() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    let before: usize = cluster
        .state()
        .machines
        .iter()
        .map(|machine| machine.applied)
        .sum();
    {
        let mut state = cluster.state();
        state.swallow = 2;
        state.lead(9, Some(1));
        state.lead(10, Some(2));
    }
    let batch = |_| {
        (0..100).map(|index| match index % 3 {
            0 => (Operation::Get, key(index), Vec::new()),
            1 => (Operation::Put, key(index), b"new".to_vec()),
            _ => (
                Operation::Increment,
                format!("counter-{index}").into_bytes(),
                Vec::new(),
            ),
        })
    };
    let (header, payload) = many(Operation::Batch, items(batch(())));
    ask(&client, 1_000, header, &[], &payload);
    for (index, (header, _, got)) in answers(&client.done(1_000)).into_iter().enumerate() {
        match index % 3 {
            0 => assert_eq!(got, value(index)),
            1 => assert_eq!(header.flags, flags::APPLIED),
            _ => assert_eq!(header.number, 1),
        }
    }
    let state = cluster.state();
    let after: usize = state.machines.iter().map(|machine| machine.applied).sum();
    assert_eq!(after - before, 66);
    // One group takes as many numbers as it has items.
    let of_batch = state.seen.iter().filter(|seen| seen.is(Operation::Batch));
    assert!(
        of_batch
            .clone()
            .all(|seen| seen.header.sequence != 0 && seen.header.group != 0)
    );
}

#[test]
fn a_batch_says_of_the_items_of_a_group_without_a_leader_that_they_were_not_applied() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    cluster.state().lead(9, None);
    let keys: Vec<Vec<u8>> = keys_in(9, 2).into_iter().chain(keys_in(10, 2)).collect();
    let (header, payload) = many(
        Operation::Batch,
        items(keys.into_iter().map(|key| (Operation::Put, key, b"new".to_vec()))),
    );
    let timeout = Some(Duration::from_millis(300));
    client
        .client
        .submit(1_000, 1, header, &[], &payload, timeout)
        .unwrap();
    let done = client.done(1_000);
    // The deadline is the whole's: what some of it did is not known to the caller.
    assert_eq!(done.code(), Some(Code::Unavailable));
    assert_eq!(done.error().outcome, Outcome::Unknown);
}

#[test]
fn counts_and_counters_are_sums_and_a_clear_clears_all_groups_once() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    ask(&client, 1_000, request(Operation::Count), &[], &[]);
    assert_eq!(client.done(1_000).result.unwrap().0.number, KEYS as i64);
    ask(&client, 1_001, request(Operation::Stats), &[], &[]);
    let stats = client.done(1_001).result.unwrap().0.stats.unwrap();
    assert_eq!((stats.entries, stats.max_memory), (KEYS as u64, 1 << 30));
    ask(&client, 1_002, request(Operation::Clear), &[], &[]);
    assert_eq!(client.done(1_002).result.unwrap().0.number, KEYS as i64);
    ask(&client, 1_003, request(Operation::Count), &[], &[]);
    assert_eq!(client.done(1_003).result.unwrap().0.number, 0);
    assert_eq!(cluster.state().count(|seen| seen.is(Operation::Clear)), 8);
}

#[test]
fn a_clear_that_a_broken_connection_left_half_done_has_an_unknown_outcome() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    cluster.state().swallow = 1;
    ask(&client, 1_000, request(Operation::Clear), &[], &[]);
    assert_eq!(client.done(1_000).error().outcome, Outcome::Unknown);
}

#[test]
fn pages_of_a_scan_come_in_slot_order_with_every_entry_once_forwards_and_backwards() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    let mut expected: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
    expected.sort_by_key(|key| place(key));
    let mut ticket = 1_000;
    for backwards in [false, true] {
        for most in [1, 7, 50, 1_000] {
            let (mut cursor, mut got, mut pages) = (bytes::Bytes::new(), Vec::new(), 0);
            loop {
                let header = RequestHeader {
                    flags: if backwards { flags::DESCENDING } else { 0 },
                    maximum: Some(most),
                    cursor: cursor.clone(),
                    ..request(Operation::Scan)
                };
                ticket += 1;
                ask(&client, ticket, header, &[], &[]);
                let done = client.done(ticket);
                let page = answers(&done);
                assert!(page.len() as i64 <= most);
                got.extend(page.into_iter().map(|(_, key, _)| key));
                pages += 1;
                cursor = done.result.unwrap().0.cursor;
                if cursor.is_empty() {
                    break;
                }
                assert!(pages <= 2 * KEYS, "{most} {backwards}");
            }
            if backwards {
                got.reverse();
            }
            assert!(got == expected, "{} of {KEYS}, {most} {backwards}", got.len());
            assert!(
                pages as i64 <= 2 + 2 * KEYS as i64 / most,
                "{pages} pages of {most}"
            );
        }
    }
}

#[test]
fn a_cancelled_question_to_many_groups_completes_once_and_leaves_nothing_behind() {
    let cluster = FakeCluster::start(3);
    let client = filled(&cluster);
    cluster.state().lead(9, None);
    ask(&client, 1_000, request(Operation::Count), &[], &[]);
    cluster.wait("the parts", |state| {
        state.count(|seen| seen.is(Operation::Count)) >= 7
    });
    client.client.cancel(1_000);
    assert_eq!(client.done(1_000).code(), Some(Code::Cancelled));
    cluster.state().lead(9, Some(0));
    ask(&client, 1_001, request(Operation::Count), &[], &[]);
    assert_eq!(client.done(1_001).result.unwrap().0.number, KEYS as i64);
}
