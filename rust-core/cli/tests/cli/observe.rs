//! Health, readiness, metrics, the admin service and reflection.

use std::collections::BTreeMap;

use serde_json::json;
use tonic::transport::Channel;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::support::{Serve, holdfast, run};

/// Samples by name and labels; panics on a line that no scraper reads.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
            (name, value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

#[test]
fn metrics_count_what_was_done_by_operation_and_by_store() {
    let server = Serve::start(&["--memory-limit", "64MiB", "--node", "n1"]);
    server.run(&["put", "k", "v", "--store", "shop/carts"]);
    server.run(&["get", "k", "--store", "shop/carts"]);
    server.run(&["get", "absent", "--store", "shop/carts"]);
    let (status, text) = server.get("/metrics");
    assert_eq!(status, 200);
    let samples = samples(&text);
    for (name, value) in [
        ("holdfast_requests_total{operation=\"get\",answer=\"ok\"}", 2.0),
        ("holdfast_requests_total{operation=\"put\",answer=\"ok\"}", 1.0),
        ("holdfast_store_hits_total{tenant=\"shop\",store=\"carts\"}", 1.0),
        (
            "holdfast_store_misses_total{tenant=\"shop\",store=\"carts\"}",
            1.0,
        ),
        ("holdfast_store_entries{tenant=\"shop\",store=\"carts\"}", 1.0),
        ("holdfast_memory_limit_bytes", 67_108_864.0),
        ("holdfast_ready", 1.0),
        ("holdfast_slow_readers_cut_total", 0.0),
    ] {
        assert_eq!(samples.get(name), Some(&value), "{name} in\n{text}");
    }
    assert!(samples["holdfast_received_bytes_total"] > 0.0 && samples["holdfast_start_time_seconds"] > 1e9);
}

#[test]
fn probes_and_people_find_their_pages_and_nothing_else_is_there() {
    let server = Serve::start(&["--node", "n1"]);
    assert_eq!(server.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(server.get("/readyz"), (200, "ready\n".to_owned()));
    let (status, page) = server.get("/");
    assert!(
        status == 200 && page.contains("n1") && page.contains("/metrics"),
        "{page}"
    );
    assert_eq!(server.get("/admin").0, 404);
}

#[test]
fn health_says_yes_by_its_exit_code_and_unreachable_by_another() {
    let server = Serve::start(&[]);
    let healthy = server.run(&["health", "--output", "json"]);
    assert_eq!((healthy.code, &healthy.json()["serving"]), (0, &json!(true)));
    // The first that can be reached answers.
    let servers = format!("127.0.0.1:1,{}", server.listen);
    assert_eq!(run(&mut holdfast(&["health", "--server", &servers])).code, 0);
    assert_eq!(run(&mut holdfast(&["health", "--server", "127.0.0.1:1"])).code, 3);
}

#[test]
fn operators_learn_of_the_node_its_stores_and_its_clients() {
    let server = Serve::start(&["--node", "n1", "--memory-limit", "64MiB"]);
    server.run(&["put", "k", "v"]);
    let node = server.run(&["node", "--output", "json"]).json();
    assert_eq!(
        (&node["name"], &node["memory_limit"], &node["stopping"]),
        (&json!("n1"), &json!(67_108_864), &json!(false))
    );
    assert!(
        node["requests"].as_u64().unwrap() >= 1 && node["epoch"].as_u64().unwrap() > 0,
        "{node}"
    );
    let stores = server.run(&["stores"]);
    assert!(stores.text().contains("default/default"), "{stores:?}");
    let ping = server.run(&["ping", "--output", "json"]).json();
    assert_eq!((&ping["node"], &ping["epoch"]), (&json!("n1"), &node["epoch"]));
    assert_eq!(
        server.run(&["connections"]).text().lines().count(),
        1,
        "only the head of the table"
    );
}

#[tokio::test]
async fn reflection_names_the_services_of_the_port() {
    let server = Serve::start(&[]);
    let endpoint = format!("http://{}", server.listen);
    let channel = Channel::from_shared(endpoint).unwrap().connect().await.unwrap();
    let mut client = ServerReflectionClient::new(channel);
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers = client
        .server_reflection_info(tokio_stream::once(request))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
        panic!("{answer:?}");
    };
    let names: Vec<String> = services.service.into_iter().map(|service| service.name).collect();
    for name in ["holdfast.admin.v1.Admin", "grpc.health.v1.Health"] {
        assert!(names.iter().any(|served| served == name), "{name} in {names:?}");
    }
}
