//! Connections that send what no client sends: the node says why it ends them where it can, keeps its memory, and the
//! others notice nothing.

mod cases;

use std::path::Path;
use std::time::Duration;

use holdfast_faults::{Load, LoadOptions, NodeProcess, RawSession, hello, within};
use holdfast_proto::Code;
use holdfast_proto::session::StoreClass;

use crate::common::{LONG, MARGIN, connect, epoch};
use cases::{Answer, Case};

/// Bytes by which memory may differ from run to run, whatever was sent.
const NOISE: u64 = 24 << 20;
/// What a session that ended may still cost.
const SESSION: u64 = 1 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_hostile_connection_ends_with_a_reason_and_costs_nobody_else_anything() {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("bystanders")).await;
    let epoch = epoch(&client).await;
    let options = LoadOptions {
        tasks: 4,
        timeout: Duration::from_secs(5),
        ..LoadOptions::default()
    };
    let load = Load::start(&client, options);
    let (mut session, _) = RawSession::welcomed(node.address(), 9).await;
    let cases = cases::all(session.open_store("attacked", StoreClass::Cache).await);
    for case in &cases {
        attack(&node, case).await;
    }
    let before = node.facts().resident();
    for _ in 0..20 {
        for case in cases.iter().filter(|case| case.is_quick()) {
            attack(&node, case).await;
        }
    }
    let grown = node.facts().resident().saturating_sub(before);
    println!(
        "{} cases, memory grew by {} KiB in 20 rounds",
        cases.len(),
        grown >> 10
    );
    assert!(grown < NOISE, "memory grew by {grown} bytes");
    assert!(node.is_alive());
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());
    load.journal().check(MARGIN);
    load.check(&[epoch], 0).await;
    node.metric_reaches("holdfast_protocol_errors_total", 20.0).await;
}

async fn attack(node: &NodeProcess, case: &Case) {
    let what = format!("the end of '{}'", case.name);
    within(LONG, &what, end_of(node, case)).await;
}

async fn end_of(node: &NodeProcess, case: &Case) {
    let mut session = RawSession::connect(node.address()).await;
    // The node may refuse before everything is sent.
    let _ = session.send(&case.bytes).await;
    if case.finishes {
        session.finish().await;
    }
    match case.answer {
        Answer::End => drop(session.bytes_to_the_end().await),
        Answer::EndOrGoodbye => drop(session.heard_to_the_end().await),
        Answer::Goodbye(code) => {
            let goodbye = session.heard_to_the_end().await;
            let goodbye = goodbye.unwrap_or_else(|| panic!("{}: no goodbye", case.name));
            assert!(!goodbye.reason.is_empty(), "{}: {goodbye:?}", case.name);
            let said = Code::from_number(goodbye.code);
            assert!(said.is_some(), "{}: {goodbye:?}", case.name);
            if let Some(code) = code {
                assert_eq!(said, Some(code), "{}: {goodbye:?}", case.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_never_says_hello_is_closed() {
    let node = NodeProcess::start(&[]).await;
    let mut silent = RawSession::connect(node.address()).await;
    let mut half = RawSession::connect(node.address()).await;
    half.send(&hello(1)[..20]).await.expect("it is open");
    tokio::join!(silent.bytes_to_the_end(), half.bytes_to_the_end());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_with_random_damage_never_hurt_the_node() {
    damaged_frames(1_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_a_hundred_thousand_damaged_connections_never_hurt_the_node() {
    damaged_frames(100_000).await;
}

async fn damaged_frames(count: u64) {
    let mut node = NodeProcess::start(&[]).await;
    let client = connect(&node.store("bystanders")).await;
    let epoch = epoch(&client).await;
    let options = LoadOptions {
        tasks: 4,
        timeout: Duration::from_secs(5),
        ..LoadOptions::default()
    };
    let load = Load::start(&client, options);
    let golden = golden_frames();
    for seed in 0..100 {
        damaged(&node, &golden, seed).await;
    }
    let before = node.facts().resident();
    let mut seed = 100;
    while seed < count {
        let batch: Vec<_> = (seed..seed + 25)
            .map(|seed| damaged(&node, &golden, seed))
            .collect();
        seed += batch.len() as u64;
        for attack in batch {
            attack.await;
        }
    }
    let grown = node.facts().resident().saturating_sub(before);
    println!("{count} damaged connections, memory grew by {} KiB", grown >> 10);
    // A session is remembered for some minutes.
    assert!(grown < NOISE + count * SESSION, "memory grew by {grown} bytes");
    assert!(node.is_alive());
    assert_eq!(load.journal().failed(), 0, "{}", load.journal());
    load.check(&[epoch], 0).await;
}

/// A session that opens a store and then sends golden frames with some bytes changed.
async fn damaged(node: &NodeProcess, golden: &[Vec<u8>], seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut session, _) = RawSession::welcomed(node.address(), u128::from(seed) << 8 | 1).await;
    session.open_store("attacked", StoreClass::Cache).await;
    for _ in 0..random.usize(1..6) {
        let mut frame = golden[random.usize(..golden.len())].clone();
        for _ in 0..random.usize(0..4) {
            let at = random.usize(..frame.len());
            frame[at] = random.u8(..);
        }
        if random.u8(..8) == 0 {
            frame.truncate(random.usize(..frame.len()));
        }
        if session.send(&frame).await.is_err() {
            break;
        }
    }
    session.finish().await;
    session.bytes_to_the_end().await;
}

/// What a client sends, from the protocol's committed bytes. Those that open stores would be new stores each time.
fn golden_frames() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rust-core/proto/tests/golden/v1");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("the golden files")
        .map(|file| file.expect("a file").path())
        .filter(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            !name.starts_with("items_of_") && name != "preamble" && name != "request_open_store"
        })
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| std::fs::read(path).expect("a golden file"))
        .collect()
}
