//! Three nodes that keep their coordination groups on disk.

use std::time::Duration;

use holdfast_client::remote::AsyncClient;
use holdfast_faults::{
    Load, LoadOptions, NodeProcess, SMALL_DISK, SmallDisk, eventually, free_port, with_file_limit,
};
use holdfast_proto::session::Operation;
use holdfast_proto::{Code, Outcome};
use tempfile::TempDir;

use crate::common::{LONG, call, connect, get, put};

struct Three {
    nodes: Vec<NodeProcess>,
    disks: Vec<TempDir>,
}

impl Three {
    /// Nodes that have formed a cluster; the files of the first one may not grow beyond the limit.
    async fn start(limit_of_first: Option<u64>) -> Three {
        let ports = [(); 3].map(|()| free_port());
        let join = ports.map(|port| format!("127.0.0.1:{port}")).join(",");
        let disks: Vec<TempDir> = (0..3).map(|_| TempDir::new().expect("a directory")).collect();
        let mut nodes = Vec::new();
        for (number, port) in ports.into_iter().enumerate() {
            let limit = limit_of_first.filter(|_| number == 0).map(with_file_limit);
            let arguments = [
                format!("--listen=127.0.0.1:{port}"),
                format!("--node=n{number}"),
                format!("--join={join}"),
                format!("--data-dir={}", disks[number].path().display()),
            ];
            let arguments = arguments.each_ref().map(String::as_str);
            nodes.push(NodeProcess::start_by(limit.unwrap_or_default(), &arguments).await);
        }
        let three = Three { nodes, disks };
        three.ready().await;
        three
    }

    async fn ready(&self) {
        for node in &self.nodes {
            eventually(LONG, "the node is ready", || async {
                node.http_get("/readyz")
                    .await
                    .starts_with("HTTP/1.1 200")
                    .then_some(())
            })
            .await;
        }
    }

    async fn client(&self, store: &str) -> AsyncClient {
        let places: Vec<String> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        connect(&format!(
            "holdfast://{}/{store}?class=coordination",
            places.join(",")
        ))
        .await
    }

    async fn kill_all(&mut self) {
        let [one, two, three] = &mut self.nodes[..] else {
            panic!("there are three");
        };
        tokio::join!(one.kill(), two.kill(), three.kill());
    }

    async fn restart_all(&mut self) {
        for node in &mut self.nodes {
            node.restart().await;
        }
        self.ready().await;
    }
}

const LOAD: LoadOptions = LoadOptions {
    tasks: 16,
    timeout: Duration::from_secs(1),
    pause: Duration::from_millis(2),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_durable_cluster_killed_at_once_under_load_has_every_acknowledged_change() {
    kill_all_under_load(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "long"]
async fn long_a_durable_cluster_killed_at_once_twenty_times_has_every_acknowledged_change() {
    kill_all_under_load(20).await;
}

async fn kill_all_under_load(times: usize) {
    let mut three = Three::start(None).await;
    let client = three.client("kills").await;
    let load = Load::start(&client, LOAD);
    load.succeeds(500).await;
    for _ in 0..times {
        three.kill_all().await;
        load.fails(16).await;
        three.restart_all().await;
        load.succeeds(500).await;
    }
    println!("{}", load.journal());
    // One epoch: what was acknowledged before a kill counts after it, once.
    load.check(&[1], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_disk_is_full_says_so_and_ends_and_the_others_go_on() {
    let mut three = Three::start(Some(1 << 20)).await;
    let client = three.client("full").await;
    let load = Load::start(&client, LOAD);
    load.succeeds(100).await;
    let value = "v".repeat(64 * 1024);
    let mut written = 0;
    while three.nodes[0].is_alive() {
        put(&client, &format!("key{written}"), &value).await;
        written += 1;
        assert!(written < 1_000, "the limit does not work");
    }
    let status = three.nodes[0].stopped().await;
    assert!(!status.success(), "{status}");
    let directory = three.disks[0].path().display().to_string();
    assert!(three.nodes[0].has_logged("has failed"));
    assert!(three.nodes[0].has_logged(&format!("See that {directory} has room")));
    load.succeeds(500).await;
    assert_eq!(
        get(&client, "key0").await.map(|value| value.len()),
        Some(value.len())
    );
    three.nodes[0].lift_limits();
    three.nodes[0].restart().await;
    three.ready().await;
    // What it has counts again: another node may go.
    three.nodes[1].kill().await;
    load.succeeds(500).await;
    for number in 0..written {
        assert!(
            get(&client, &format!("key{number}")).await.is_some(),
            "key{number}"
        );
    }
    load.check(&[1], 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_alone_with_a_data_directory_has_every_acknowledged_change_after_a_kill() {
    let disk = TempDir::new().expect("a directory");
    let data = format!("--data-dir={}", disk.path().display());
    let mut node = NodeProcess::start(&[&data]).await;
    let client = connect(&format!("{}?class=coordination", node.store("alone"))).await;
    for number in 0..100 {
        put(&client, &format!("key{number}"), "value").await;
    }
    node.kill().await;
    node.restart().await;
    for number in 0..100 {
        assert!(
            get(&client, &format!("key{number}")).await.is_some(),
            "key{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it needs a system that lets it make a file system of its own"]
async fn long_a_node_alone_whose_file_system_is_full_refuses_changes_and_loses_nothing() {
    const ROOM: u64 = 24 << 20;
    let disk = SmallDisk::new(ROOM).await;
    let data = format!("--data-dir={SMALL_DISK}/data");
    let mut node = NodeProcess::start_by(disk.launcher(), &[&data]).await;
    let store = format!("{}?class=coordination", node.store("alone"));
    let client = connect(&store).await;
    let value = "v".repeat(64 * 1024);
    let key = |number: usize| format!("key{number}");
    let mut acknowledged = 0;
    let failed = loop {
        match call(&client, Operation::Put, &key(acknowledged), &value).await {
            Ok(_) => acknowledged += 1,
            Err(failed) => break failed,
        }
        assert!(acknowledged as u64 * 64 * 1024 < ROOM, "it has room for ever");
    };
    assert_eq!(
        (failed.code, failed.outcome),
        (Code::StorageFailed, Outcome::Unknown),
        "{failed}"
    );
    let refused = call(&client, Operation::Put, "refused", "").await.unwrap_err();
    assert_eq!(
        (refused.code, refused.outcome),
        (Code::StorageFailed, Outcome::NotApplied),
        "{refused}"
    );
    for number in 0..acknowledged {
        assert_eq!(
            get(&client, &key(number)).await.map(|value| value.len()),
            Some(value.len()),
            "{number}"
        );
    }
    node.kill().await;
    disk.grow_to(4 * ROOM).await;
    node.restart().await;
    let client = connect(&store).await;
    for number in 0..acknowledged {
        assert_eq!(
            get(&client, &key(number)).await.map(|value| value.len()),
            Some(value.len()),
            "{number}"
        );
    }
    assert!(get(&client, "refused").await.is_none());
    put(&client, "room again", &value).await;
    println!(
        "{acknowledged} changes acknowledged before the file system of {ROOM} bytes was full, none lost"
    );
}
