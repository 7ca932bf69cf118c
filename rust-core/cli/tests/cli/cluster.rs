//! `cluster`: three processes, and what an operator may do to them.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rcgen::ExtendedKeyUsagePurpose::{ClientAuth, ServerAuth};
use serde_json::{Value, json};

use crate::protect::{Authority, text_of};
use crate::support::{Ran, Serve, holdfast, run, until};

fn free_addresses(count: usize) -> Vec<String> {
    // Held until all are found, so that no port comes twice.
    let free: Vec<TcpListener> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"))
        .collect();
    let address = |listener: &TcpListener| listener.local_addr().expect("it listens").to_string();
    free.iter().map(address).collect()
}

/// Nodes of one cluster, `n0`, `n1`, ….
struct Cluster {
    nodes: Vec<Option<Serve>>,
    addresses: Vec<String>,
    /// Flags of commands that ask it.
    connection: Vec<String>,
}

impl Cluster {
    fn formed(count: usize, flags: &[&str]) -> Cluster {
        let mut cluster = Cluster::of(free_addresses(count), &[]);
        (0..count).for_each(|node| cluster.start(node, flags));
        cluster.wait_until("healthy");
        cluster
    }

    fn of(addresses: Vec<String>, connection: &[&str]) -> Cluster {
        Cluster {
            nodes: addresses.iter().map(|_| None).collect(),
            addresses,
            connection: connection.iter().map(|&flag| flag.to_owned()).collect(),
        }
    }

    fn start(&mut self, node: usize, flags: &[&str]) {
        self.start_logging(node, flags, Stdio::inherit());
    }

    fn start_logging(&mut self, node: usize, flags: &[&str], log: Stdio) {
        let (address, join) = (self.addresses[node].clone(), self.addresses.join(","));
        let name = format!("n{node}");
        let mut command = holdfast(&["serve", "--join", &join, "--node", &name]);
        self.nodes[node] = Some(Serve::start_logging(&address, log, command.args(flags)));
    }

    /// Asks all that run, in turn.
    fn run(&self, arguments: &[&str]) -> Ran {
        let running = self.nodes.iter().flatten();
        let servers: Vec<&str> = running.map(|node| node.listen.as_str()).collect();
        let mut command = holdfast(arguments);
        command
            .args(&self.connection)
            .env("HOLDFAST_SERVER", servers.join(","));
        run(&mut command)
    }

    fn status(&self) -> Value {
        self.run(&["cluster", "status", "--output", "json"]).json()
    }

    fn wait_until(&self, health: &str) {
        let mut last = None;
        let is_so = || {
            let ran = self.run(&["cluster", "status", "--output", "json"]);
            // Before there is a cluster nobody can say.
            last = (ran.code <= 1).then(|| ran.json());
            last.as_ref().is_some_and(|status| status["health"] == health)
        };
        until(&format!("the cluster is {health}"), is_so);
    }

    fn leader(&self, group: usize) -> String {
        let mut leader = None;
        until("the group has a leader", || {
            let status = self.status();
            leader = status["groups"][group]["leader"].as_str().map(str::to_owned);
            leader.is_some()
        });
        leader.expect("it has one")
    }

    fn leads(&self, node: &str) -> u64 {
        let status = self.status();
        let nodes = status["nodes"].as_array().expect("nodes");
        let node = nodes.iter().find(|it| it["name"] == node).expect("the node");
        node["leads"].as_u64().expect("a number")
    }

    /// Lets the groups' leaders look at their members a few times.
    fn let_time_pass(&self) {
        let uptime = || self.status()["nodes"][0]["uptime_ms"].as_u64().expect("a number");
        let start = uptime();
        until("a second has passed", || uptime() > start + 1_000);
    }
}

#[test]
fn an_operator_sees_nodes_and_groups_and_moves_leaderships_that_stay_where_they_were_moved() {
    let cluster = Cluster::formed(3, &["--zone", "here"]);
    let status = cluster.status();
    assert_eq!(status["nodes"].as_array().map(Vec::len), Some(3));
    let nodes = status["nodes"].as_array().expect("nodes");
    let second = nodes.iter().find(|node| node["name"] == "n1").expect("the node");
    assert_eq!(second["address"], cluster.addresses[1]);
    assert_eq!(
        (&second["state"], &second["zone"]),
        (&json!("up"), &json!("here"))
    );
    assert_eq!(status["groups"].as_array().map(Vec::len), Some(13));
    let group = &status["groups"][7];
    assert_eq!((&group["kind"], &group["epoch"]), (&json!("cache"), &json!(1)));
    assert_eq!(group["replicas"].as_array().map(Vec::len), Some(3));
    let told = cluster.run(&["cluster", "status"]);
    assert!(
        told.text().starts_with("healthy: 3 of 3 nodes are up"),
        "{told:?}"
    );
    let members = cluster.run(&["cluster", "members"]);
    assert_eq!(members.text().lines().count(), 4, "{members:?}");

    // A group of data and the meta group alike.
    for group in [3, 0] {
        let before = cluster.leader(group);
        let to = if before == "n1" { "n2" } else { "n1" };
        let number = group.to_string();
        let moved = cluster.run(&[
            "cluster",
            "move-leader",
            &number,
            "--node",
            to,
            "--output",
            "json",
        ]);
        assert_eq!(moved.code, 0, "{moved:?}");
        let moved = &moved.json()["moves"][0];
        assert_eq!(
            (&moved["to"], &moved["moved"]),
            (&json!(to), &json!(true)),
            "{moved}"
        );
        cluster.let_time_pass();
        assert_eq!(cluster.leader(group), to);
        let again = cluster.run(&["cluster", "move-leader", &number, "--node", to]);
        assert!(
            again.code == 0 && again.text().contains("leads it already"),
            "{again:?}"
        );
    }

    let away = cluster.run(&["cluster", "transfer", "--from", "n0"]);
    assert_eq!(away.code, 0, "{away:?}");
    cluster.let_time_pass();
    assert_eq!(cluster.leads("n0"), 0);
    assert_eq!(cluster.run(&["cluster", "transfer", "--to", "n0"]).code, 0);
    assert_eq!(cluster.leads("n0"), 13);
    assert_eq!(cluster.run(&["cluster", "transfer", "--spread"]).code, 0);
    cluster.let_time_pass();
    assert!((4..=5).contains(&cluster.leads("n0")), "{}", cluster.status());
}

#[test]
fn what_the_cluster_does_not_have_is_said_by_the_exit_code() {
    let cluster = Cluster::formed(3, &[]);
    for (arguments, code, name) in [
        (&["move-leader", "99"][..], 1, "GroupNotFound"),
        (&["move-leader", "3", "--node", "n9"], 1, "NodeNotFound"),
        (&["transfer", "--from", "n9"], 1, "NodeNotFound"),
        (&["transfer", "--from", "n1", "--to", "n1"], 2, "InvalidArgument"),
        (&["remove", "n1"], 6, "NodeInUse"),
    ] {
        let ran = cluster.run(&[&["cluster"], arguments, &["--output", "json"]].concat());
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        let error: Value = serde_json::from_str(&ran.err).expect("JSON");
        assert_eq!(error["error"]["code"], name, "{arguments:?}");
    }
    let absent = cluster.run(&["cluster", "remove", "n9", "--output", "json"]);
    assert_eq!((absent.code, absent.json()["removed"].clone()), (1, json!(false)));
    assert_eq!(cluster.run(&["cluster", "transfer"]).code, 2);
    assert_eq!(cluster.run(&["cluster", "move-leader"]).code, 2);
}

#[test]
fn a_dead_node_is_removed_and_a_live_one_only_when_that_is_insisted_on() {
    let mut cluster = Cluster::formed(3, &[]);
    assert_eq!(cluster.run(&["put", "k", "v"]).code, 0);
    cluster.nodes[2].take().expect("it runs").kill();
    cluster.wait_until("degraded");
    let removed = cluster.run(&["cluster", "remove", "n2", "--output", "json"]);
    assert_eq!(
        (removed.code, removed.json()["removed"].clone()),
        (0, json!(true)),
        "{removed:?}"
    );
    assert_eq!(cluster.run(&["cluster", "remove", "n2"]).code, 1);
    cluster.wait_until("healthy");
    let status = cluster.status();
    assert_eq!(status["nodes"].as_array().map(Vec::len), Some(2));
    let replicas = |group: &Value| group["replicas"].as_array().map(Vec::len);
    assert!(
        status["groups"]
            .as_array()
            .expect("groups")
            .iter()
            .all(|group| replicas(group) == Some(2))
    );
    assert_eq!(cluster.run(&["get", "k"]).text(), "v");

    // It comes back as a new node.
    cluster.start(2, &[]);
    until("three nodes are there", || {
        cluster.status()["nodes"].as_array().map(Vec::len) == Some(3)
    });
    cluster.wait_until("healthy");
    let insisted = cluster.run(&["cluster", "remove", "n2", "--force"]);
    assert_eq!(insisted.code, 0, "{insisted:?}");
    let ended = cluster.nodes[2].take().expect("it runs").ended();
    assert_eq!(ended.code(), Some(6), "the removed process ends by itself");
    cluster.wait_until("healthy");
    assert_eq!(cluster.run(&["get", "k"]).text(), "v");
}

#[test]
fn a_server_that_is_alone_is_a_cluster_of_one_that_cannot_be_changed() {
    let server = Serve::start(&["--node", "solo"]);
    let status = server.run(&["cluster", "status", "--output", "json"]);
    assert_eq!(status.code, 0, "{status:?}");
    let status = status.json();
    assert_eq!(
        (&status["alone"], &status["nodes"][0]["name"]),
        (&json!(true), &json!("solo"))
    );
    for arguments in [
        &["remove", "solo"][..],
        &["move-leader", "1"],
        &["transfer", "--spread"],
    ] {
        let ran = server.run(&[&["cluster"], arguments].concat());
        assert!(
            ran.code == 6 && ran.err.contains("--join"),
            "{arguments:?}: {ran:?}"
        );
    }
}

#[test]
fn nodes_with_certificates_form_a_cluster_over_tls_and_know_each_other_by_them() {
    let authority = Authority::new();
    let [certificate, key] = authority.sign_for("node", &["127.0.0.1"], vec![ServerAuth, ClientAuth]);
    let ca = text_of(&authority.file);
    let identity = ["--tls-certificate", &*certificate, "--tls-key", &*key];
    let connection = [&identity[..], &["--tls-ca", &ca]].concat();
    let mut cluster = Cluster::of(free_addresses(3), &connection);
    let secret = authority.folder.path().join("secret");
    fs::write(&secret, "among nodes\n").expect("it is written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let secret = text_of(&secret);
    let flags = [
        &identity[..],
        &["--tls-client-ca", &ca, "--cluster-secret-file", &secret],
    ]
    .concat();
    (0..3).for_each(|node| cluster.start(node, &flags));
    cluster.wait_until("healthy");
    assert_eq!(cluster.run(&["put", "k", "v"]).code, 0);
    cluster.nodes[1].take().expect("it runs").kill();
    assert_eq!(cluster.run(&["get", "k", "--timeout", "30s"]).text(), "v");
}

#[test]
fn a_node_without_tls_among_nodes_with_it_stays_outside_and_their_log_says_why() {
    let authority = Authority::new();
    let [certificate, key] = authority.sign_for("node", &["127.0.0.1"], vec![ServerAuth]);
    let ca = text_of(&authority.file);
    let tls = [
        "--tls-certificate",
        &*certificate,
        "--tls-key",
        &*key,
        "--tls-ca",
        &*ca,
    ];
    let mut cluster = Cluster::of(free_addresses(3), &["--tls-ca", &ca]);
    let log = authority.folder.path().join("log");
    let writer = fs::File::create(&log).expect("it is made");
    cluster.start_logging(0, &tls, writer.into());
    cluster.start(1, &tls);
    cluster.start(2, &[]);
    let line = format!("{} does not answer over TLS: ", cluster.addresses[2]);
    until("the log names the node and the remedy", || {
        let log = fs::read_to_string(&log).expect("it is there");
        log.lines()
            .any(|it| it.contains(&line) && it.contains("--tls-certificate"))
    });
    let status = cluster.run(&["cluster", "status"]);
    assert_eq!(status.code, 3, "no cluster is formed: {status:?}");
}

#[test]
fn a_cluster_secret_or_authority_that_cannot_be_used_is_named_before_anything_is_served() {
    let authority = Authority::new();
    let [certificate, key] = authority.sign_for("node", &["127.0.0.1"], vec![ServerAuth]);
    let open = authority.folder.path().join("open");
    fs::write(&open, "everybody reads this").expect("it is written");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("it is ours");
    let open = text_of(&open);
    let address = free_addresses(1).remove(0);
    let serve = ["serve", "--listen", &*address, "--join", &*address];
    for (flags, name) in [
        (&["--cluster-secret-file", &*open][..], "cluster-secret-file"),
        (
            &["--cluster-secret-file", "/nowhere/at/all"],
            "cluster-secret-file",
        ),
        (
            &["--cluster-secret-file", &*open, "--cluster-secret", "x"],
            "cluster-secret",
        ),
        (
            &["--tls-certificate", &*certificate, "--tls-key", &*key],
            "tls-ca",
        ),
    ] {
        let ran = run(&mut holdfast(&[&serve[..], flags].concat()));
        assert_eq!(ran.code, 2, "{flags:?}: {ran:?}");
        assert!(
            ran.err.contains(name) && !ran.err.contains("everybody"),
            "{flags:?}: {ran:?}"
        );
    }
}
